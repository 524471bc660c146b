"""Tiny random models: a pipeline in ModelScope's format, a Stable Diffusion checkpoint and a motion adapter."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

CAPTIONS = ["a green landscape in summer", "a snowy landscape in winter"]

IMAGE: dict[str, Any] = {
    "sample_size": 4,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
}

MOTION: dict[str, Any] = {
    "block_out_channels": (16, 32),
    "motion_layers_per_block": 1,
    "motion_norm_num_groups": 4,
    "motion_num_attention_heads": 2,
}


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_pipeline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in Stable Diffusion's format: pictures of 16 x 16."""
    import torch
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    directory = tmp_path_factory.mktemp("tiny") / "checkpoint"
    shutil.copytree(tiny_pipeline_dir, directory, ignore=shutil.ignore_patterns("unet", "model_index.json"))
    torch.manual_seed(2)
    UNet2DConditionModel(**IMAGE).save_pretrained(directory / "unet")
    return directory


@pytest.fixture(scope="session")
def tiny_adapter_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion adapter for it, with positions for 32 frames."""
    import torch
    from diffusers.models.unets.unet_motion_model import MotionAdapter

    directory = tmp_path_factory.mktemp("tiny") / "adapter"
    torch.manual_seed(3)
    adapter = MotionAdapter(**MOTION)
    for name, weights in adapter.named_parameters():
        if "proj_out" in name or "to_" in name:
            torch.nn.init.normal_(weights, std=0.2)
    adapter.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def models(tiny_pipeline_dir: Path, tiny_checkpoint: Path, tiny_adapter_dir: Path) -> dict[str, dict[str, Any]]:
    """The ``model`` of a spec for each family."""
    return {
        "modelscope": {"use": "modelscope", "path": str(tiny_pipeline_dir)},
        "animatediff": {"use": "animatediff", "path": str(tiny_checkpoint), "adapter": str(tiny_adapter_dir)},
    }


def spec(model: dict[str, Any], frames: int = 16, **changes: Any) -> dict[str, Any]:
    """A run of three steps with key states and TAR, in memory."""
    return {
        "frames": frames,
        "seed": 3,
        "model": model,
        "synopsis": {"use": "states", "states": CAPTIONS},
        "regularizers": [{"use": "tar", "sigma": {0: 1, 1: 8}}],
        "sampling": {"steps": 3, "scheduler": "ddim", "guidance": 3.0},
        **changes,
    }
