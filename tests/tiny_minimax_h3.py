"""A tiny random MiniMax-H3, whole but for its sound's decoder, in diffusers format: the real classes, made in a second or two."""

import json
from pathlib import Path
from typing import Any

import pytest

TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "hidden_size": 24,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "ffn_dim": 32,
    "in_channels": 4,
    "audio_in_channels": 32,
    "text_dim": 16,
    "freq_dim": 16,
    "time_embed_hidden_dim": 16,
    "time_embed_dim": 12,
    "rope_freq_dim": 2,
}

VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (8, 8, 8, 8, 8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "decoder_num_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_attention_head_dim": 16,
    "decoder_num_register_tokens": 1,
    "decoder_ffn_mult": 1,
    "latents_mean": (-0.5, 0.1, 0.0, 0.4),
    "latents_std": (2.0, 1.0, 3.0, 1.5),
}


class Counting:
    """Stands in for the processor of Qwen3-VL, which needs torchvision: a prompt holds no pictures here."""

    def create_mm_token_type_ids(self, token_ids: list[list[int]]) -> list[list[int]]:
        return [[0] * len(tokens) for tokens in token_ids]


def write_tiny_minimax_h3(directory: Path, **changes: Any) -> None:
    """Write a random model; its weights are the same each time. Text is read letter by letter, by the 50th of 51 layers."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_minimax_h3 import AutoencoderKLMiniMaxH3
    from diffusers.models.transformers.transformer_minimax_h3 import MiniMaxH3Transformer3DModel
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.manual_seed(0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {letter: number for number, letter in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=[], extra_special_tokens=special[1:])
    tokenizer.save_pretrained(directory / "tokenizer")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 51,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
    }
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 16, "intermediate_size": 16}
    vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 16}
    encoder = Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=vision))
    encoder.save_pretrained(directory / "text_encoder")
    network: Any = MiniMaxH3Transformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for name, weights in network.named_parameters():
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        if name.endswith(("norm_q.weight", "norm_k.weight")):
            torch.nn.init.constant_(weights, 2.0)
        elif "adaln_proj" in name:  # modulations, whose gates are small at first
            torch.nn.init.normal_(weights, std=0.5)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLMiniMaxH3(**VAE | changes.get("vae", {})).save_pretrained(directory / "vae")
    for folder, shift in (("scheduler", 12.0), ("audio_scheduler", 3.0)):
        (directory / folder).mkdir()
        written = {"_class_name": "MiniMaxH3Scheduler", "shift": shift}
        (directory / folder / "scheduler_config.json").write_text(json.dumps(written))
    index: dict[str, Any] = {"_class_name": "MiniMaxH3ModularPipeline", "_blocks_class_name": "MiniMaxH3Blocks"}
    (directory / "modular_model_index.json").write_text(json.dumps(index))


def held_pipeline(directory: Path) -> Any:
    """The pipeline of a folder as somebody may hold it, without its decoders: it gives latents."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_minimax_h3 import AutoencoderKLMiniMaxH3
    from diffusers.models.transformers.transformer_minimax_h3 import MiniMaxH3Transformer3DModel
    from diffusers.schedulers.scheduling_minimax_h3 import MiniMaxH3Scheduler
    from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

    encoder: Any = Qwen3VLForConditionalGeneration
    tokenizer: Any = AutoTokenizer.from_pretrained(directory / "tokenizer")
    parts: dict[str, Any] = {
        "transformer": MiniMaxH3Transformer3DModel.from_pretrained(directory / "transformer"),
        "vae": AutoencoderKLMiniMaxH3.from_pretrained(directory / "vae"),
        "text_encoder": encoder.from_pretrained(directory / "text_encoder", dtype=torch.float32),
        "tokenizer": tokenizer,
        "scheduler": MiniMaxH3Scheduler(shift=12.0),
        "audio_scheduler": MiniMaxH3Scheduler(shift=3.0),
    }
    return assembled(parts)


def assembled(parts: dict[str, Any]) -> Any:
    """A pipeline of parts, without decoders."""
    from diffusers.modular_pipelines.minimax_h3.modular_blocks_minimax_h3 import MiniMaxH3Blocks

    blocks: Any = MiniMaxH3Blocks()
    for name in ("before_encode", "decode"):
        del blocks.sub_blocks[name]
    pipe = blocks.init_pipeline()
    pipe.update_components(**parts)
    pipe.register_components(processor=Counting())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def minimax_h3_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of MiniMax-H3: two blocks, pictures in multiples of 32."""
    directory = tmp_path_factory.mktemp("minimax-h3")
    write_tiny_minimax_h3(directory)
    return directory
