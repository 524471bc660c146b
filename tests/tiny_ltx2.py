"""Tiny random LTX-2 pipelines, whole, in diffusers format: the real classes, made in a second."""

import json
import string
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_ltx import SCHEDULER

TRANSFORMER: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 10,
    "cross_attention_dim": 20,
    "audio_in_channels": 4,
    "audio_out_channels": 4,
    "audio_num_attention_heads": 2,
    "audio_attention_head_dim": 6,
    "audio_cross_attention_dim": 12,
    "num_layers": 2,
    "caption_channels": 8,
}

LTX_23: dict[str, Any] = {
    "rope_type": "split",
    "perturbed_attn": True,
    "gated_attn": True,
    "audio_gated_attn": True,
    "cross_attn_mod": True,
    "audio_cross_attn_mod": True,
    "use_prompt_embeddings": False,
}
"""What is another in LTX-2.3: gates, perturbed attention, positions by halves, and text that comes as the network takes it."""

VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (4, 4, 8, 8),
    "layers_per_block": (1,) * 5,
    "decoder_block_out_channels": (16, 32, 64),
    "decoder_layers_per_block": (1,) * 4,
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}

CONNECTORS: dict[str, Any] = {
    "caption_channels": 8,
    "text_proj_in_factor": 2,
    "video_connector_num_attention_heads": 2,
    "video_connector_attention_head_dim": 4,
    "video_connector_num_layers": 1,
    "video_connector_num_learnable_registers": 4,
    "audio_connector_num_attention_heads": 2,
    "audio_connector_attention_head_dim": 4,
    "audio_connector_num_layers": 1,
    "audio_connector_num_learnable_registers": 4,
}

CONNECTORS_23: dict[str, Any] = {
    "per_modality_projections": True,
    "video_hidden_dim": 20,
    "video_connector_attention_head_dim": 10,
    "audio_hidden_dim": 12,
    "audio_connector_attention_head_dim": 6,
}


def write_tiny_ltx2(directory: Path, **changes: Any) -> None:
    """Write a random pipeline of LTX-2; its weights are the same each time."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video
    from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio
    from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformer3DModel
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

    torch.manual_seed(0)
    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "\u2581", *string.ascii_lowercase]
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    tokenizer: Any = GemmaTokenizer(vocab=vocabulary, merges=[])
    tokenizer.save_pretrained(directory / "tokenizer")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
    }
    seen = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16}
    config = Gemma3Config(text_config=text, vision_config=seen | {"patch_size": 8}, mm_tokens_per_image=4)
    Gemma3ForConditionalGeneration(config).save_pretrained(directory / "text_encoder")
    connectors: Any = LTX2TextConnectors(**CONNECTORS | changes.get("connectors", {}))
    connectors.save_pretrained(directory / "connectors")
    network: Any = LTX2VideoTransformer3DModel(**TRANSFORMER | changes.get("transformer", {}))
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for attention in (block.attn1, block.attn2, block.audio_attn2):
            torch.nn.init.constant_(attention.norm_q.weight, 2.0)
            torch.nn.init.constant_(attention.norm_k.weight, 2.0)
    network.save_pretrained(directory / "transformer")
    vae: Any = AutoencoderKLLTX2Video(**VAE | changes.get("vae", {}))
    vae.latents_mean.copy_(torch.tensor([-0.5, 0.1, 0.0, 0.4]))
    vae.latents_std.copy_(torch.tensor([2.0, 1.0, 3.0, 1.5]))
    vae.save_pretrained(directory / "vae")
    AutoencoderKLLTX2Audio(
        base_channels=4, latent_channels=1, ch_mult=(1, 1, 1), num_res_blocks=1, mel_bins=16, output_channels=2
    ).save_pretrained(directory / "audio_vae")
    LTX2Vocoder(in_channels=32, hidden_channels=32, upsample_kernel_sizes=[4, 4], upsample_factors=[2, 2]).save_pretrained(
        directory / "vocoder"
    )
    (directory / "scheduler").mkdir()
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    index: dict[str, Any] = {
        "_class_name": "LTX2Pipeline",
        "audio_vae": ["diffusers", "AutoencoderKLLTX2Audio"],
        "connectors": ["ltx2", "LTX2TextConnectors"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Gemma3ForConditionalGeneration"],
        "tokenizer": ["transformers", "GemmaTokenizerFast"],
        "transformer": ["diffusers", "LTX2VideoTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLLTX2Video"],
        "vocoder": ["ltx2", "LTX2Vocoder"],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def tiny_ltx2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of LTX-2: two blocks, pictures in multiples of 32."""
    directory = tmp_path_factory.mktemp("ltx-2")
    write_tiny_ltx2(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_ltx23(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of LTX-2.3."""
    directory = tmp_path_factory.mktemp("ltx-2.3")
    write_tiny_ltx2(directory, transformer=LTX_23, connectors=CONNECTORS_23)
    return directory
