"""Tiny random pipelines of both classes, made from the same text encoder, tokenizer, decoder and scheduler."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel
from diffusers.pipelines.animatediff.pipeline_animatediff import AnimateDiffPipeline
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from transformers import CLIPTextModel, CLIPTokenizer

from tests.attaching.families import FAMILIES
from vstar_sdk.attention.processor import NursedProcessor

SUMMER, WINTER, AUTUMN = (
    "a green landscape in summer",
    "a snowy landscape in winter",
    "an orange landscape in autumn",
)
TAR = {"use": "tar", "sigma": {0: 1}, "window": [0.0, 1.0]}

MOTION = {
    "sample_size": 4,
    "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
    "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 16,
    "num_attention_heads": 2,
    "motion_num_attention_heads": 2,
}


def _common(directory: Path) -> dict[str, Any]:
    return {
        "vae": AutoencoderKL.from_pretrained(directory / "vae"),
        "text_encoder": CLIPTextModel.from_pretrained(directory / "text_encoder"),
        "tokenizer": CLIPTokenizer.from_pretrained(directory / "tokenizer"),
        "scheduler": DDIMScheduler.from_pretrained(directory / "scheduler"),
    }


@pytest.fixture(scope="session")
def originals(tiny_pipeline_dir: Path) -> dict[str, Any]:
    """One pipeline of each class; a test works on a copy."""
    torch.manual_seed(1)
    unet = UNet3DConditionModel.from_pretrained(tiny_pipeline_dir / "unet")
    pipelines: dict[str, Any] = {
        "unet3d": TextToVideoSDPipeline(unet=unet, **_common(tiny_pipeline_dir)),
        "animatediff": AnimateDiffPipeline(
            unet=UNetMotionModel(**MOTION),
            motion_adapter=MotionAdapter(block_out_channels=(16, 32), motion_norm_num_groups=4, motion_num_attention_heads=2),
            **_common(tiny_pipeline_dir),
        ),
    }
    # Temporal layers begin as zero or nearly so: random ones show what nursing does.
    for pipe in pipelines.values():
        for name, weights in pipe.unet.named_parameters():
            if "motion_modules" in name or "temp_" in name or "transformer_in" in name:
                torch.nn.init.normal_(weights, std=0.3) if weights.ndim > 1 else None
        pipe.set_progress_bar_config(disable=True)
    return pipelines


@pytest.fixture(params=["unet3d", "animatediff"])
def pipe(request: pytest.FixtureRequest, originals: dict[str, Any]) -> Any:
    """A pipeline to be attached to."""
    return copied(originals[request.param])


@pytest.fixture
def animatediff(originals: dict[str, Any]) -> Any:
    """An AnimateDiff pipeline."""
    return copied(originals["animatediff"])


@pytest.fixture
def unet3d(originals: dict[str, Any]) -> Any:
    """A TextToVideoSD pipeline."""
    return copied(originals["unet3d"])


def copied(pipe: Any) -> Any:
    """A copy whose networks are its own."""
    fresh = type(pipe)(**{name: copy.deepcopy(part) for name, part in pipe.components.items()})
    fresh.set_progress_bar_config(disable=True)
    return fresh


def make(pipe: Any, **changes: Any) -> torch.Tensor:
    """A clip's latents, 8 frames in 4 steps under guidance, unless told otherwise; None leaves an argument out."""
    own = {
        "prompt": "a green landscape in summer",
        "num_frames": 8,
        "num_inference_steps": 4,
        "guidance_scale": 3.0,
        "height": 16,
        "width": 16,
        "output_type": "latent",
    }
    generator = torch.Generator().manual_seed(5)
    given = {**own, "generator": generator, **changes}
    return pipe(**{name: value for name, value in given.items() if value is not None}).frames


@pytest.fixture(scope="session")
def pipelines(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """A fresh pipeline of a name in `FAMILIES`; each is loaded once."""
    load = cache(lambda name: FAMILIES[name].load(request.getfixturevalue(FAMILIES[name].model)))
    return lambda name: FAMILIES[name].copied(load(name))


def traces(pipe: Any) -> list[str]:
    """What attach could have left in a denoiser."""
    left = [name for name, attn in pipe.unet.named_modules() if isinstance(getattr(attn, "processor", None), NursedProcessor)]
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return left + [f"{name}.{hook}" for name, module in pipe.unet.named_modules() for hook in hooks if getattr(module, hook)]
