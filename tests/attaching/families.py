"""Tiny pipelines of every family whose denoiser attends over all tokens of a clip, as somebody may hold them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from PIL import Image

from tests.tiny_minimax_h3 import assembled, held_pipeline
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.models.minimax_h3.sites import RHYTHM as MINIMAX_H3

ONE, OTHER, NEGATIVE = "a green landscape in summer", 'a winter, "snow" on a sign', "an orange autumn"
TAR: dict[str, Any] = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}


FOUR, SIX, EIGHT = Rhythm.causal(4), Rhythm.causal(6), Rhythm.causal(8)


def _nothing(pipe: Any) -> None:
    del pipe


@dataclass(frozen=True, kw_only=True)
class Held:
    """A pipeline of a family, and what its tests need to know.

    Attributes:
        model: the fixture of its folder.
        pipeline: its class, as ``module:Class`` below ``diffusers.pipelines``.
        call: what it is called with beside the prompt, two steps unless it says otherwise.
        unguided: what switches its guidance off.
        frames: of the clip.
        rhythm: of the model.
        positions: tokens of a latent frame.
        text: tokens before and behind those of the video, in the same sequence.
        negative_text: tokens behind the video's, where the negative prompt has another number of them.
        also: tokens behind the video's in other blocks, which are no text.
        layers: attentions over frames that one call of the network runs.
        one_text: whether all frames read one text.
        noise: by how much a text that is told may differ from the pipeline's own: 0 is bit for bit.
        near: by how much TAR may differ from the formula in float64.
        prepare: changes a fresh pipeline.
        parts: components that are not in its folder.
    """

    model: str
    pipeline: str
    call: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unguided: Mapping[str, Any] = field(default_factory=lambda: {"guidance_scale": 1.0})
    frames: int = 17
    rhythm: Rhythm = FOUR
    positions: int = 4
    text: tuple[int, int] = (0, 0)
    negative_text: int | None = None
    also: int | None = None
    layers: int = 2
    one_text: bool = False
    noise: float = 0.0
    near: float = 1e-5
    prepare: Callable[[Any], None] = _nothing
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def clock(self) -> Clock:
        """Of its clips, at 16 frames a second."""
        return Clock(self.frames, 16.0, self.rhythm)

    @property
    def video(self) -> slice:
        """Where the video's tokens are."""
        before = self.text[0]
        return slice(before, before + self.clock.latents * self.positions)

    @property
    def tokens(self) -> tuple[int, ...]:
        """Of the whole sequence; of each kind."""
        behind = {self.text[1], *(one for one in (self.negative_text, self.also) if one is not None)}
        return tuple(self.video.stop + tokens for tokens in behind)

    def load(self, directory: Path) -> Any:
        """The pipeline, to be copied for each test."""
        module, _, name = self.pipeline.partition(":")
        pipe = getattr(import_module(f"diffusers.pipelines.{module}"), name).from_pretrained(directory, **self.parts)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def copied(self, pipe: Any) -> Any:
        """A pipeline whose networks for denoising and whose scheduler are its own."""
        own = ("transformer", "transformer_2", "scheduler", "guider")
        parts = {name: copy.deepcopy(part) if name in own else part for name, part in pipe.components.items()}
        settings = {
            name: pipe.config[name]
            for name in ("boundary_ratio", "expand_timesteps", "force_zeros_for_empty_prompt")
            if name in pipe.config
        }
        fresh = type(pipe)(**parts, **settings)
        fresh.set_progress_bar_config(disable=True)
        self.prepare(fresh)
        return fresh

    def make(self, pipe: Any, prompt: Any = ONE, **changes: Any) -> torch.Tensor:
        """The latents of a clip, always of the same noise."""
        own = {"num_frames": self.frames, "num_inference_steps": 2, "height": 32, "width": 32, "output_type": "latent"}
        asked = {**own, **self.call, **changes}
        return pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **asked).frames


@dataclass(frozen=True, kw_only=True)
class HeldBlocks(Held):
    """A pipeline that is made of blocks: it has no class for the task, and is asked for its latents by having no decoder."""

    def load(self, directory: Path) -> Any:
        """See `Held.load`."""
        return held_pipeline(directory)

    def copied(self, pipe: Any) -> Any:
        """See `Held.copied`."""
        own = ("transformer", "scheduler", "audio_scheduler")
        given = {name: part for name, part in pipe.components.items() if part is not None and name != "processor"}
        return assembled({name: copy.deepcopy(part) if name in own else part for name, part in given.items()})

    def make(self, pipe: Any, prompt: Any = ONE, **changes: Any) -> torch.Tensor:
        """See `Held.make`."""
        own = {"num_frames": self.frames, "num_inference_steps": 3, "height": 64, "width": 64}
        made = pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **self.call, **changes})
        return torch.cat([made.get(name).flatten() for name in ("latents", "audio_latents")])


def _short_text(pipe: Any) -> None:
    """Fewer tokens than the real HunyuanVideo 1.5 has, to be quick."""
    pipe.tokenizer_max_length, pipe.tokenizer_2_max_length, pipe.vision_num_semantic_tokens = 48, 24, 4


class Unchecked:
    """Stands in for NVIDIA's guardrail, a package with large models of its own: every text and picture passes."""

    def to(self, device: Any) -> Unchecked:
        del device
        return self

    def check_text_safety(self, text: str) -> bool:
        return "weapon" not in text

    def check_video_safety(self, frames: Any) -> Any:
        return frames


def _without_torchvision(pipe: Any) -> None:
    """A package of which Cosmos needs one function."""
    del pipe
    module: Any = import_module("diffusers.models.transformers.transformer_cosmos")

    def resize(x: torch.Tensor, size: list[int], interpolation: str) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, size=size, mode=interpolation)

    module.transforms = SimpleNamespace(
        functional=SimpleNamespace(resize=resize), InterpolationMode=SimpleNamespace(NEAREST="nearest")
    )


def _timesteps_of_tokens(pipe: Any) -> None:
    pipe.register_to_config(expand_timesteps=True)


def _without_ftfy(pipe: Any) -> None:
    """A package that the pipeline calls, and that mends nothing in these prompts."""
    del pipe
    module: Any = import_module("diffusers.pipelines.skyreels_v2.pipeline_skyreels_v2")
    module.ftfy = SimpleNamespace(fix_text=lambda text: text)


_GUIDED = {"guidance_scale": 4.0}
_LTX = {"guidance_scale": 3.0, "height": 64, "width": 32}

FAMILIES: Mapping[str, Held] = {
    "wan 2.1": Held(model="wan_21", pipeline="wan.pipeline_wan:WanPipeline", call=_GUIDED, noise=1e-5),
    "wan 2.2": Held(
        model="wan_22", pipeline="wan.pipeline_wan:WanPipeline", call={**_GUIDED, "num_inference_steps": 3}, noise=1e-5
    ),
    "wan 2.2 TI2V": Held(
        model="wan_21", pipeline="wan.pipeline_wan:WanPipeline", call=_GUIDED, noise=1e-5, prepare=_timesteps_of_tokens
    ),
    "skyreels": Held(
        model="skyreels_dir",
        pipeline="skyreels_v2.pipeline_skyreels_v2:SkyReelsV2Pipeline",
        call=_GUIDED,
        noise=1e-5,
        prepare=_without_ftfy,
    ),
    "ltx": Held(
        model="tiny_ltx",
        pipeline="ltx.pipeline_ltx:LTXPipeline",
        call=_LTX,
        rhythm=EIGHT,
        positions=2,
        noise=1e-6,
    ),
    "ltx, a picture": Held(
        model="tiny_ltx",
        pipeline="ltx.pipeline_ltx_image2video:LTXImageToVideoPipeline",
        call={**_LTX, "image": Image.new("RGB", (32, 64), "green")},
        rhythm=EIGHT,
        positions=2,
        noise=1e-6,
    ),
    "cogvideox 2b": Held(
        model="cogvideox_2b",
        pipeline="cogvideo.pipeline_cogvideox:CogVideoXPipeline",
        call=_GUIDED,
        text=(226, 0),
        one_text=True,
    ),
    "cogvideox 5b": Held(
        model="cogvideox_5b",
        pipeline="cogvideo.pipeline_cogvideox:CogVideoXPipeline",
        call=_GUIDED,
        text=(226, 0),
        one_text=True,
    ),
    "hunyuan15": Held(
        model="hunyuan15_dir",
        pipeline="hunyuan_video1_5.pipeline_hunyuan_video1_5:HunyuanVideo15Pipeline",
        unguided={},
        text=(0, 76),
        one_text=True,
        prepare=_short_text,
    ),
    "kandinsky5": Held(
        model="kandinsky5_dir", pipeline="kandinsky5.pipeline_kandinsky:Kandinsky5T2VPipeline", call=_GUIDED, near=1e-4
    ),
    "kandinsky5, a picture": Held(
        model="kandinsky5_dir",
        pipeline="kandinsky5.pipeline_kandinsky_i2v:Kandinsky5I2VPipeline",
        call={**_GUIDED, "image": Image.new("RGB", (32, 32), "green")},
        near=1e-4,
    ),
    "cosmos 2.5": Held(
        model="cosmos_dir",
        pipeline="cosmos.pipeline_cosmos2_5_predict:Cosmos2_5_PredictBasePipeline",
        call=_GUIDED,
        noise=1e-5,
        near=1e-4,
        prepare=_without_torchvision,
        parts={"safety_checker": Unchecked()},
    ),
    "mochi": Held(
        model="mochi_dir",
        pipeline="mochi.pipeline_mochi:MochiPipeline",
        call=_GUIDED,
        frames=19,
        rhythm=SIX,
        text=(0, 6),
        negative_text=0,
        one_text=True,
    ),
    "motif": Held(
        model="motif_dir",
        pipeline="motif_video.pipeline_motif_video:MotifVideoPipeline",
        unguided={},
        text=(0, 512),
        also=20,
        layers=3,
        one_text=True,
    ),
    "minimax-h3": HeldBlocks(
        model="minimax_h3_dir",
        pipeline="of blocks",
        unguided={},
        frames=124,
        rhythm=MINIMAX_H3,
        text=(len(ONE) + 2 * 207, 0),
        one_text=True,
    ),
}
"""LTX-2, whose clips have a sound, has tests of its own."""
BAKED = frozenset({"minimax-h3"})
"""Whose guidance is baked in: there is no negative prompt, and one prompt for one video."""
SLOW = frozenset({"motif", "minimax-h3"})
"""Of which only a part of the tests is quick: those of its own file."""


def networks(pipe: Any) -> list[Any]:
    """Its denoisers."""
    parts = (getattr(pipe, name, None) for name in ("transformer", "transformer_2"))
    return [part for part in parts if part is not None]


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    left = [
        (name, id(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for network in networks(pipe)
        for name, module in network.named_modules()
    ]
    return [*left, sorted(vars(pipe))]
