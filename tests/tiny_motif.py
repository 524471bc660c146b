"""A tiny random Motif-Video pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
import string
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import VAE

TRANSFORMER: dict[str, Any] = {
    "in_channels": 9,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "num_layers": 1,
    "num_single_layers": 2,
    "num_decoder_layers": 1,
    "mlp_ratio": 1.0,
    "text_embed_dim": 16,
    "image_embed_dim": 8,
    "rope_axes_dim": (4, 6, 6),
    "enable_text_cross_attention_single": True,
}

GUIDER: dict[str, Any] = {"_class_name": "ClassifierFreeGuidance", "guidance_scale": 4.0}


def write_tiny_motif(directory: Path, **changes: Any) -> None:
    """Write a random pipeline; its weights are the same each time. Text is read letter by letter."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
    from diffusers.models.transformers.transformer_motif_video import MotifVideoTransformer3DModel
    from transformers import GemmaTokenizer, SiglipImageProcessor, T5Gemma2Encoder, T5Gemma2EncoderConfig

    torch.manual_seed(0)
    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "\u2581", *string.ascii_lowercase]
    tokenizer: Any = GemmaTokenizer(vocab={letter: number for number, letter in enumerate(letters)}, merges=[])
    tokenizer.save_pretrained(directory / "tokenizer")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "dropout_rate": 0.0,
    }
    seen = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16}
    seen |= {"model_type": "siglip_vision_model", "patch_size": 8, "vision_use_head": False}
    config: Any = T5Gemma2EncoderConfig(
        text_config=text, vision_config=seen, mm_tokens_per_image=4, eoi_token_index=1, boi_token_index=2, image_token_index=3
    )
    T5Gemma2Encoder(config, eoi_token_index=1).save_pretrained(directory / "text_encoder")
    SiglipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(directory / "feature_extractor")
    network: Any = MotifVideoTransformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for name, weights in network.named_parameters():
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        if "norm_" in name and ("attn" in name):
            torch.nn.init.constant_(weights, 2.0)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLWan(**VAE).save_pretrained(directory / "vae")
    for folder, file, content in (
        ("guider", "guider_config.json", GUIDER),
        (
            "scheduler",
            "scheduler_config.json",
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 5.0},
        ),
    ):
        (directory / folder).mkdir()
        (directory / folder / file).write_text(json.dumps(content))
    index: dict[str, Any] = {
        "_class_name": "MotifVideoPipeline",
        "guider": ["diffusers", "ClassifierFreeGuidance"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "T5Gemma2Encoder"],
        "tokenizer": ["transformers", "GemmaTokenizer"],
        "vae": ["diffusers", "AutoencoderKLWan"],
        "transformer": ["diffusers", "MotifVideoTransformer3DModel"],
        "feature_extractor": ["transformers", "SiglipImageProcessor"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def motif_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Motif-Video: a block of two streams, one of one stream that reads the text twice, and one of the decoder."""
    directory = tmp_path_factory.mktemp("motif")
    write_tiny_motif(directory)
    return directory


@pytest.fixture(scope="session")
def motif_read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without cross-attention, whose queries have positions, too."""
    directory = tmp_path_factory.mktemp("motif-read-once")
    write_tiny_motif(directory, transformer={"enable_text_cross_attention_single": False})
    return directory
