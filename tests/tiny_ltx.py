"""A tiny random LTX pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import PIECES

TRANSFORMER: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 10,  # so that some channels have no position
    "cross_attention_dim": 20,
    "num_layers": 2,
    "caption_channels": 8,
}

VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (4, 4, 4, 4),
    "decoder_block_out_channels": (4, 4, 4, 4),
    "layers_per_block": (1, 1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1, 1),
    "scaling_factor": 0.8,
}

DENOISING_VAE: dict[str, Any] = VAE | {
    "block_out_channels": (4, 4, 8, 8, 16),
    "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
    "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
    "spatio_temporal_scaling": (True,) * 4,
    "decoder_block_out_channels": (16, 32, 64),
    "decoder_layers_per_block": (1,) * 4,
    "decoder_spatio_temporal_scaling": (True,) * 3,
    "decoder_inject_noise": (True, True, False, False),
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2,) * 3,
    "timestep_conditioning": True,
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}
"""Of version 0.9.5: it takes away the last noise itself, and adds some of its own."""

SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "num_train_timesteps": 1000,
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}


def write_tiny_ltx(directory: Path, **changes: Any) -> None:
    """Write a random pipeline of LTX-Video; its weights are the same each time."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo
    from diffusers.models.transformers.transformer_ltx import LTXVideoTransformer3DModel
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(0)
    vocabulary = [(piece, 0.0) for piece in ["<pad>", "</s>", "<unk>"]] + [(f"\u2581{piece}", -2.0) for piece in PIECES]
    tokenizer: Any = T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=128)
    tokenizer.save_pretrained(directory / "tokenizer")
    text = T5Config(vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(text).save_pretrained(directory / "text_encoder")
    network: Any = LTXVideoTransformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for norm in (block.attn1.norm_q, block.attn1.norm_k, block.attn2.norm_q, block.attn2.norm_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    vae: Any = AutoencoderKLLTXVideo(**VAE | changes.get("vae", {}))
    vae.latents_mean.copy_(torch.tensor([-0.5, 0.1, 0.0, 0.4]))
    vae.latents_std.copy_(torch.tensor([2.0, 1.0, 3.0, 1.5]))
    vae.save_pretrained(directory / "vae")
    (directory / "scheduler").mkdir()
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER | changes.get("scheduler", {})))
    index: dict[str, Any] = {
        "_class_name": "LTXPipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "LTXVideoTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLLTXVideo"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def tiny_ltx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of LTX-Video: two blocks, pictures in multiples of 32."""
    directory = tmp_path_factory.mktemp("ltx")
    write_tiny_ltx(directory)
    return directory
