"""A tiny random text-to-video pipeline with joint attention, whole, in the format of Wan's: the real classes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

PIECES = ["a", "green", "landscape", "in", "summer", "snowy", "winter", "an", "orange", "autumn", ".", ",", "s", "t", "e", "r"]
"""The words that its tokenizer knows."""

TRANSFORMER: dict[str, Any] = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 4,
    "out_channels": 4,
    "text_dim": 8,
    "freq_dim": 8,
    "ffn_dim": 24,
    "num_layers": 2,
    "rope_max_seq_len": 64,
}

VAE: dict[str, Any] = {
    "base_dim": 4,
    "z_dim": 4,
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "temperal_downsample": [False, True, True],
    "latents_mean": [-0.5, 0.1, 0.0, 0.4],
    "latents_std": [2.0, 1.0, 3.0, 1.5],
}

SCHEDULER: dict[str, Any] = {
    "_class_name": "UniPCMultistepScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 3.0,
}


def write_joint(directory: Path, *, experts: int = 1, **changes: Any) -> None:
    """Write a pipeline of Wan 2.1, or of 2.2 with two experts: two blocks, clips of 1 + 4k frames. Takes a second.

    Args:
        directory: to write into; the weights are the same each time.
        experts: networks that share the schedule: 1 or 2.
        changes: of the configurations, by ``transformer``, ``vae`` or ``index``.
    """
    torch: Any = importlib.import_module("torch")
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
    from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    special = ["<pad>", "</s>", "<unk>"]
    vocabulary = [(piece, 0.0) for piece in special] + [(f"\u2581{piece}", -2.0) for piece in PIECES]
    tokenizer: Any = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.save_pretrained(directory / "tokenizer")
    text = UMT5Config(vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    _save(UMT5EncoderModel(text), directory / "text_encoder")
    names = ("transformer", "transformer_2")[:experts]
    for name in names:
        network: Any = WanTransformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
        for block in network.blocks:
            # As wide apart as after a training: queries and keys of a random network hardly differ.
            for norm in (block.attn1.norm_q, block.attn1.norm_k):
                torch.nn.init.constant_(norm.weight, 2.0)
        network.save_pretrained(directory / name)
    _save(AutoencoderKLWan(**VAE | changes.get("vae", {})), directory / "vae")
    (directory / "scheduler").mkdir()
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    index: dict[str, Any] = {
        "_class_name": "WanPipeline",
        "boundary_ratio": 0.875 if experts == 2 else None,
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "vae": ["diffusers", "AutoencoderKLWan"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "transformer_2": ["diffusers", "WanTransformer3DModel"] if experts == 2 else [None, None],
    }
    (directory / "model_index.json").write_text(json.dumps(index | changes.get("index", {})))


def _save(component: Any, directory: Path) -> None:
    component.save_pretrained(directory)
