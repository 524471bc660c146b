"""A tiny random text-to-video pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = [
    "tests.messages_api",
    "tests.tiny_models",
    "tests.tiny_wan",
    "tests.tiny_ltx",
    "tests.tiny_ltx2",
    "tests.tiny_cogvideox",
    "tests.tiny_hunyuan15",
    "tests.tiny_kandinsky5",
    "tests.tiny_mochi",
]


@pytest.fixture(scope="session", autouse=True)
def _a_cache_of_our_own(tmp_path_factory: pytest.TempPathFactory):
    """Nothing is read from or written into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSTAR_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("VSTAR_CONFIG", "")
        yield


@pytest.fixture(scope="module")
def session():
    """A session whose models stay warm over the tests of a file."""
    from vstar_sdk import Session

    with Session() as session:
        yield session


CAPTIONS = [
    "a green landscape in summer",
    "a snowy landscape in winter",
    "an orange landscape in autumn",
    "a red ball crosses the beach from left to right",
]

SCHEDULER = {
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

UNET = {
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


@pytest.fixture(scope="session")
def tiny_pipeline_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline directory: two levels of temporal attention, VAE factor 4, pictures of 16 x 16, 12 tokens of text."""
    directory = tmp_path_factory.mktemp("tiny-pipeline")
    write_tiny_pipeline(directory)
    return directory


def write_tiny_pipeline(directory: Path) -> None:
    """Write a random pipeline; its weights are the same each time."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
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
    CLIPTextModel(text).save_pretrained(directory / "text_encoder")
    UNet3DConditionModel(**UNET).save_pretrained(directory / "unet")
    AutoencoderKL(**VAE).save_pretrained(directory / "vae")
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


@pytest.fixture(scope="session")
def tiny_source(tiny_pipeline_dir: Path):
    """The tiny pipeline as a model source: 8 frames at 8 fps."""
    from vstar_sdk.models.unet3d.source import UNet3DSource

    return UNet3DSource(directory=tiny_pipeline_dir, name="tiny", frames=8, fps=8.0, steps=4, guidance=3.0)


@pytest.fixture(scope="session")
def tiny_adapter(tiny_source):
    """The tiny pipeline, loaded; a test that changes it must change it back."""
    return tiny_source.load("cpu", "float32")
