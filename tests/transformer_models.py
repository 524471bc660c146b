"""What the tests of models share whose denoiser attends over all tokens of a clip."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from tests.attaching.families import FAMILIES, Unchecked
from tests.denoised import gaussian
from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.models.cogvideox.source import CogVideoXOptions, CogVideoXSource
from vstar_sdk.models.cosmos.source import CosmosOptions, CosmosSource
from vstar_sdk.models.hunyuan15.source import Hunyuan15Options, Hunyuan15Source
from vstar_sdk.models.hunyuan15.text import Lengths
from vstar_sdk.models.kandinsky5.source import Kandinsky5Options, Kandinsky5Source
from vstar_sdk.models.ltx.source import LTXOptions, LTXSource
from vstar_sdk.models.ltx2.source import LTX2Options, LTX2Source
from vstar_sdk.models.minimax_h3.source import MiniMaxH3Options, MiniMaxH3Source
from vstar_sdk.models.mochi.source import MochiOptions, MochiSource
from vstar_sdk.models.motif.source import MotifOptions, MotifSource
from vstar_sdk.models.wan.skyreels import SkyReelsOptions, SkyReelsSource
from vstar_sdk.models.wan.source import WanOptions, WanSource
from vstar_sdk.options import RegularizerOptions

FRAMES = 17
"""Of a clip; of models whose clips never have so many, the nearest number."""
ONE, OTHER = "a green landscape in summer", "a snowy landscape in winter"

FEW = Lengths(prompt=48, glyphs=24, picture=4)
"""Tokens that make the tests of HunyuanVideo quick; those of the real model are in test_hunyuan15_runs.py."""

T5_XXL: dict[str, Any] = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 2,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
    "model_type": "t5",
}
"""The text encoder of most of them, with two layers of 24."""

SOURCES: Mapping[str, tuple[Any, Any]] = {
    "wan_21": (WanSource, WanOptions),
    "wan_22": (WanSource, WanOptions),
    **dict.fromkeys(("wan_i2v_21", "wan_flf", "wan_i2v_22", "wan_ti2v"), (WanSource, WanOptions)),
    "tiny_ltx": (LTXSource, LTXOptions),
    "tiny_ltx2": (LTX2Source, LTX2Options),
    "tiny_ltx23": (LTX2Source, LTX2Options),
    "cogvideox_2b": (CogVideoXSource, CogVideoXOptions),
    "cogvideox_5b": (CogVideoXSource, CogVideoXOptions),
    "hunyuan15_dir": (Hunyuan15Source, Hunyuan15Options),
    "cosmos_dir": (CosmosSource, CosmosOptions),
    "kandinsky5_dir": (Kandinsky5Source, Kandinsky5Options),
    "minimax_h3_dir": (MiniMaxH3Source, MiniMaxH3Options),
    "mochi_dir": (MochiSource, MochiOptions),
    **dict.fromkeys(("motif_dir", "motif_read_once"), (MotifSource, MotifOptions)),
    "skyreels_dir": (SkyReelsSource, SkyReelsOptions),
}
"""By the fixtures of the tiny models."""


def source(name: str, directory: Path, **options: Any) -> Any:
    """A model of the kind of a tiny one, in any directory."""
    kind, options_of = SOURCES[name]
    return kind(options_of(path=str(directory), **options))


@contextmanager
def cosmos_packages() -> Generator[None]:
    """Stand-ins for the packages that Cosmos needs, neither of which the tests have; that of one function stays."""
    FAMILIES["cosmos 2.5"].prepare(None)
    members: Mapping[str, dict[str, Any]] = {"torchvision": {}, "cosmos_guardrail": {"CosmosSafetyChecker": Unchecked}}
    modules = {name: SimpleNamespace(__spec__=ModuleSpec(name, None), **held) for name, held in members.items()}
    with patch.dict(sys.modules, cast(Any, modules)):
        yield


def load(name: str, directory: Path) -> Any:
    """The same, loaded."""
    with cosmos_packages() if name == "cosmos_dir" else nullcontext():
        adapter = source(name, directory).load("cpu", "float32")
    return dataclasses.replace(adapter, lengths=FEW) if name == "hunyuan15_dir" else adapter


def changed(directory: Path, copy: Path, file: str, changes: Mapping[str, Any]) -> Path:
    """A copy of a model with other values in one of its configuration files."""
    shutil.copytree(directory, copy)
    (copy / file).write_text(json.dumps(json.loads((copy / file).read_text()) | changes))
    return copy


def configured(directory: Path, components: Mapping[str, Mapping[str, Any]]) -> Path:
    """A model of configuration files alone, without weights."""
    for component, config in components.items():
        (directory / component).mkdir()
        file = "scheduler_config.json" if component == "scheduler" else "config.json"
        (directory / component / file).write_text(json.dumps(config))
    return directory


class Wants:
    """A regularizer with operations that a test gives."""

    def __init__(self, *operations: Any, **options: Any) -> None:
        self.options, self._operations = RegularizerOptions(**options), operations

    def operations(self, site: Any) -> Any:
        del site
        return self._operations


def clock(adapter: Any, frames: int = FRAMES) -> Clock:
    """The clock of a clip."""
    return adapter.facts.clock(adapter.facts.nearest(frames), adapter.facts.fps)


def plan(adapter: Any, *regularizers: Any, frames: int = FRAMES) -> AttentionPlan:
    """The plan of a clip."""
    return plan_attention(adapter.facts.sites, regularizers, clock(adapter, frames))


def latents(adapter: Any, seed: int = 0, side: int = 32) -> Tensor:
    """Noise of a clip."""
    return gaussian(adapter.latent_shape(clock(adapter).frames, side, side), seed)


def one_text(adapter: Any, *prompts: str) -> Tensor:
    """Texts that are the same for all frames, ``(prompts, latent frames, tokens, dim)``."""
    return adapter.encode(prompts or [ONE])[:, None].expand(-1, clock(adapter).latents, -1, -1)


def processors(adapter: Any) -> list[Any]:
    """What every attention of the denoiser computes with."""
    return [module.processor for module in adapter.denoiser.modules() if hasattr(module, "processor")]


def check_frames(frames: Iterable[Any], pictures: Any) -> None:
    """Be sure that decoded frames are a pipeline's pictures, ``(frames, height, width, 3)`` from 0 to 1, but for rounding."""
    got = np.stack(list(frames))
    assert got.shape == pictures.shape
    assert np.abs(got / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


def check_decoded(frames: Iterable[Any], whole: Tensor) -> None:
    """Be sure that decoded frames are those of a clip that was decoded at once, ``(3, frames, height, width)`` from -1 to 1."""
    got = np.stack(list(frames)).astype(int)
    wanted = whole.div(2).add(0.5).clamp(0, 1).mul(255).round().permute(1, 2, 3, 0).int().numpy()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1


def check_picture_at_strength_0(session: Any, use: str, directory: Path, picture: Path, side: int = 64) -> None:
    """Be sure that a run with a first picture is the same, bit for bit, with TAR at strength 0, and another with TAR."""
    spec: dict[str, Any] = {
        "model": {"use": use, "path": str(directory)},
        "synopsis": {"use": "states", "states": [ONE]},
        "size": [side, side],
        "frames": FRAMES,
        "regularizers": [],
        "sampling": {"steps": 2},
        "output": [],
        "start": {"first": str(picture)},
    }

    def latents(*regularizers: Any) -> Tensor:
        return session.run(spec | {"regularizers": list(regularizers)}).latents

    plain = latents()
    assert torch.equal(latents({"use": "tar", "strength": 0}), plain)
    assert (latents({"use": "tar", "sigma": 1, "strength": 4}) - plain).abs().max() > 1e-4
