"""A tiny random Kandinsky 5 pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

TRANSFORMER: dict[str, Any] = {
    "in_visual_dim": 4,
    "out_visual_dim": 4,
    "in_text_dim": 16,
    "in_text_dim2": 8,
    "time_dim": 16,
    "model_dim": 32,
    "ff_dim": 32,
    "num_text_blocks": 1,
    "num_visual_blocks": 2,
    "axes_dims": (4, 6, 6),
    "visual_cond": True,
}

VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (8, 8, 8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "scaling_factor": 0.5,
}


def write_tiny_kandinsky5(directory: Path, **changes: Any) -> None:
    """Write a random pipeline; its weights are the same each time.

    Text is read letter by letter; what stands before the prompt has 128 tokens, as in the real model.
    """
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
    from diffusers.models.transformers.transformer_kandinsky import Kandinsky5Modulation, Kandinsky5Transformer3DModel
    from diffusers.pipelines.kandinsky5.pipeline_kandinsky import Kandinsky5T2VPipeline
    from tokenizers import AddedToken
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTokenizer,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2Tokenizer,
    )

    torch.manual_seed(0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    letters = sorted(ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*special, *letters])}
    tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=[], extra_special_tokens=special[1:])
    pipeline: Any = Kandinsky5T2VPipeline
    empty = pipeline(None, None, None, None, None, None, None)
    instruction, dropped = empty.prompt_template.split("{}")[0], empty.prompt_template_encode_start_idx
    counts = ((start, len(tokenizer(instruction[start:])["input_ids"])) for start in range(len(instruction)))
    rest = next(start for start, count in counts if count == dropped - 1)
    tokenizer.add_tokens([AddedToken(instruction[:rest], normalized=False)])  # the rest is read letter by letter
    tokenizer.save_pretrained(directory / "tokenizer")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
    }
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 16, "intermediate_size": 16}
    Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision)).save_pretrained(
        directory / "text_encoder"
    )
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    signs = {piece: number for number, piece in enumerate(pieces)}
    short: Any = CLIPTokenizer(vocab=signs, merges=[], model_max_length=77)
    short.save_pretrained(directory / "tokenizer_2")
    pooled = CLIPTextConfig(
        vocab_size=len(signs),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    CLIPTextModel(pooled).save_pretrained(directory / "text_encoder_2")
    network: Any = Kandinsky5Transformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for module in network.modules():
        # As after a training: fresh modulations are 0, and then a block does nothing.
        if isinstance(module, Kandinsky5Modulation):
            torch.nn.init.normal_(module.out_layer.weight, std=0.5)
            torch.nn.init.normal_(module.out_layer.bias, std=0.5)
    for block in network.visual_transformer_blocks:
        # Likewise: queries and keys of a random network hardly differ.
        for norm in (block.self_attention.query_norm, block.self_attention.key_norm):
            torch.nn.init.constant_(norm.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLHunyuanVideo(**VAE | changes.get("vae", {})).save_pretrained(directory / "vae")
    (directory / "scheduler").mkdir()
    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 5.0}
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    index: dict[str, Any] = {
        "_class_name": "Kandinsky5T2VPipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "text_encoder_2": ["transformers", "CLIPTextModel"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "vae": ["diffusers", "AutoencoderKLHunyuanVideo"],
        "transformer": ["diffusers", "Kandinsky5Transformer3DModel"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def kandinsky5_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Kandinsky 5: two blocks over the clip, one over the text, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("kandinsky-5")
    write_tiny_kandinsky5(directory)
    return directory
