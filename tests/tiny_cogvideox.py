"""Tiny random CogVideoX pipelines, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import PIECES

TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "in_channels": 4,
    "out_channels": 4,
    "time_embed_dim": 8,
    "text_embed_dim": 8,
    "num_layers": 2,
    "sample_width": 4,
    "sample_height": 4,
    "sample_frames": 17,
}

VAE: dict[str, Any] = {
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "block_out_channels": (8, 8, 8, 8),
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "sample_height": 32,
    "sample_width": 32,
}

SCHEDULER = {
    "_class_name": "CogVideoXDDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "timestep_spacing": "trailing",
}


def write_tiny_cogvideox(directory: Path, *, rotary: bool, **changes: Any) -> None:
    """Write a random pipeline of the 2B's kind, or of the 5B's with rotary positions; its weights are the same each time."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
    from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(0)
    special = ["<pad>", "</s>", "<unk>"]
    vocabulary = [(piece, 0.0) for piece in special] + [(f"\u2581{piece}", -2.0) for piece in PIECES]
    tokenizer: Any = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(directory / "tokenizer")
    text = T5Config(vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(text).save_pretrained(directory / "text_encoder")
    positions = {"use_rotary_positional_embeddings": rotary}
    network: Any = CogVideoXTransformer3DModel(**TRANSFORMER | positions | changes.get("transformer", {}))
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for norm in (block.attn1.norm_q, block.attn1.norm_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLCogVideoX(**VAE | changes.get("vae", {})).save_pretrained(directory / "vae")
    (directory / "scheduler").mkdir()
    scheduler = SCHEDULER | {"snr_shift_scale": 1.0 if rotary else 3.0}
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    index: dict[str, Any] = {
        "_class_name": "CogVideoXPipeline",
        "scheduler": ["diffusers", "CogVideoXDDIMScheduler"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "vae": ["diffusers", "AutoencoderKLCogVideoX"],
        "transformer": ["diffusers", "CogVideoXTransformer3DModel"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def cogvideox_2b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the 2B's kind: positions added to the tokens, two blocks, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("cogvideox-2b")
    write_tiny_cogvideox(directory, rotary=False)
    return directory


@pytest.fixture(scope="session")
def cogvideox_5b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the 5B's kind: rotary positions, another schedule."""
    directory = tmp_path_factory.mktemp("cogvideox-5b")
    write_tiny_cogvideox(directory, rotary=True)
    return directory
