"""A tiny random text-to-video pipeline with factorised attention, whole, in the format of ModelScope's: the real classes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

CAPTIONS = [
    "a green landscape in summer",
    "a snowy landscape in winter",
    "an orange landscape in autumn",
    "a red ball crosses the beach from left to right",
]
"""What its tokenizer was made from."""

SCHEDULER: dict[str, Any] = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}

UNET: dict[str, Any] = {
    "sample_size": 4,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock3D", "CrossAttnDownBlock3D"),
    "up_block_types": ("CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 16,
    "attention_head_dim": 8,
}

VAE: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (8, 8, 8),
    "norm_num_groups": 4,
    "latent_channels": 4,
    "sample_size": 16,
    "scaling_factor": 0.5,
}


def write_factorised(directory: Path) -> None:
    """Write the pipeline: two levels of temporal attention, pictures of 16 x 16, 12 tokens of text. Takes a second.

    Args:
        directory: to write into; the weights are the same each time.
    """
    torch: Any = importlib.import_module("torch")
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))  # noqa: S106
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<|startoftext|>", "<|endoftext|>"]
    bpe.train_from_iterator(CAPTIONS, trainers.BpeTrainer(vocab_size=200, special_tokens=special, end_of_word_suffix="</w>"))
    merges: Any = [tuple(pair) for pair in json.loads(bpe.to_str())["model"]["merges"]]
    tokenizer: Any = CLIPTokenizer(vocab=bpe.get_vocab(), merges=merges, model_max_length=12)
    tokenizer.save_pretrained(directory / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        projection_dim=16,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    _save(CLIPTextModel(text), directory / "text_encoder")
    _save(UNet3DConditionModel(**UNET), directory / "unet")
    _save(AutoencoderKL(**VAE), directory / "vae")
    (directory / "scheduler").mkdir()
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    index = {
        "_class_name": "TextToVideoSDPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet3DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


def _save(component: Any, directory: Path) -> None:
    component.save_pretrained(directory)
