"""A tiny random HunyuanVideo 1.5 pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

TRANSFORMER: dict[str, Any] = {
    "in_channels": 9,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "mlp_ratio": 1.0,
    "text_embed_dim": 16,
    "text_embed_2_dim": 8,
    "image_embed_dim": 4,
    "rope_axes_dim": (4, 6, 6),
    "target_size": 64,
    "task_type": "t2v",
}

VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (8, 8, 8, 8, 8),
    "layers_per_block": 1,
    "spatial_compression_ratio": 16,
    "temporal_compression_ratio": 4,
}

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ 's' * 92 if message.role == 'system' else message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_hunyuan15(directory: Path, **changes: Any) -> None:
    """Write a random pipeline; its weights are the same each time.

    Text is read letter by letter; what stands before the prompt has 108 tokens, as in the real model.
    """
    import torch
    from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
    from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
    from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15Transformer3DModel
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel, Qwen2Tokenizer, T5Config, T5EncoderModel

    torch.manual_seed(0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {letter: number for number, letter in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=[], extra_special_tokens=special[1:])
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(directory / "tokenizer")
    text = Qwen2_5_VLTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
    )
    Qwen2_5_VLTextModel(text).save_pretrained(directory / "text_encoder")
    letters: Any = ByT5Tokenizer()
    letters.save_pretrained(directory / "tokenizer_2")
    glyphs = T5Config(vocab_size=len(letters), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(glyphs).save_pretrained(directory / "text_encoder_2")
    network: Any = HunyuanVideo15Transformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for norm in (block.attn.norm_q, block.attn.norm_k, block.attn.norm_added_q, block.attn.norm_added_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLHunyuanVideo15(**VAE | changes.get("vae", {})).save_pretrained(directory / "vae")
    guider: Any = ClassifierFreeGuidance(guidance_scale=4.0)
    guider.save_pretrained(directory / "guider")
    (directory / "scheduler").mkdir()
    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 5.0}
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    index: dict[str, Any] = {
        "_class_name": "HunyuanVideo15Pipeline",
        "guider": ["diffusers", "ClassifierFreeGuidance"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Qwen2_5_VLTextModel"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "text_encoder_2": ["transformers", "T5EncoderModel"],
        "tokenizer_2": ["transformers", "ByT5Tokenizer"],
        "vae": ["diffusers", "AutoencoderKLHunyuanVideo15"],
        "transformer": ["diffusers", "HunyuanVideo15Transformer3DModel"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def hunyuan15_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of HunyuanVideo 1.5: two blocks, 1,985 tokens of picture and text, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("hunyuan-1.5")
    write_tiny_hunyuan15(directory)
    return directory
