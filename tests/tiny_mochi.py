"""A tiny random Mochi pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import PIECES

TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 8,
    "num_layers": 2,
    "pooled_projection_dim": 16,
    "in_channels": 12,
    "text_embed_dim": 16,
    "time_embed_dim": 8,
}

VAE: dict[str, Any] = {
    "encoder_block_out_channels": (32, 32, 32, 32),
    "decoder_block_out_channels": (32, 32, 32, 32),
    "layers_per_block": (1, 1, 1, 1, 1),
}


def write_tiny_mochi(directory: Path, **changes: Any) -> None:
    """Write a random pipeline; its weights are the same each time."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi
    from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(0)
    special = ["<pad>", "</s>", "<unk>"]
    vocabulary = [(piece, 0.0) for piece in special] + [(f"\u2581{piece}", -2.0) for piece in PIECES]
    tokenizer: Any = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(directory / "tokenizer")
    text = T5Config(vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(text).save_pretrained(directory / "text_encoder")
    network: Any = MochiTransformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    torch.nn.init.normal_(network.pos_frequencies)  # learned; at first there are no positions
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for norm in (block.attn1.norm_q, block.attn1.norm_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLMochi(**VAE | changes.get("vae", {})).save_pretrained(directory / "vae")
    (directory / "scheduler").mkdir()
    scheduler = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "invert_sigmas": True}
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    index: dict[str, Any] = {
        "_class_name": "MochiPipeline",
        "force_zeros_for_empty_prompt": True,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "vae": ["diffusers", "AutoencoderKLMochi"],
        "transformer": ["diffusers", "MochiTransformer3DModel"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def mochi_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Mochi: two blocks, the second without an output for the text, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("mochi")
    write_tiny_mochi(directory)
    return directory
