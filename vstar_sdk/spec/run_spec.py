"""The spec: everything that a run is made from, as one validated model."""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from vstar_sdk.moments import LONGEST, PATTERN, parse
from vstar_sdk.options import Number, Options, PartOf
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.spec.expectations import Expected
from vstar_sdk.spec.start_spec import StartSpec
from vstar_sdk.texts.options import TextOptions


def _size(value: object) -> object:
    if isinstance(value, str) and value.count("x") == 1:
        return tuple(value.split("x"))
    if isinstance(value, int | float | str):
        raise ValueError("must be width and height: 512x320, or [512, 320]")
    return value


Frames = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": LONGEST},
            {"type": "string", "pattern": r"^\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*s\s*$"},
            {"type": "null"},
        ]
    }
)

Pixels = Annotated[int, Field(gt=0, le=10_000_000), Number]
Size = Annotated[
    tuple[Pixels, Pixels],
    BeforeValidator(
        _size, json_schema_input_type=tuple[Pixels, Pixels] | Annotated[str, Field(pattern=r"^\s*[0-9]+\s*x\s*[0-9]+\s*$")]
    ),
]
"""Width and height in pixels: ``[512, 320]`` or ``512x320``."""


class SamplingSpec(Options):
    """How the video is denoised. What is left out is the preset's, or the model's own."""

    preset: str | None = Field(default=None, max_length=64, examples=["fast", "draft"])
    """A scheduler and a number of steps that were measured on the model. ``fast`` comes near to the model's own picture in half
    the time; ``draft`` is for a first look. An explicit `steps` or `scheduler` overrides it."""
    steps: Annotated[int | None, Number] = Field(default=None, ge=1, le=1000, examples=[25, 50])
    """Denoising steps."""
    scheduler: Annotated[Options | str, PartOf("schedulers")] | None = Field(default=None, examples=["ddim", "unipc", "dpm++"])
    """``ddim``, ``euler``, ``dpm++``, ... or the class name of any diffusers scheduler; or a mapping with options."""
    guidance: Annotated[Options | str | float, PartOf("guidances", default="cfg")] | None = Field(default=None, examples=[7.5])
    """Classifier-free guidance scale, 1 turns guidance off; or a mapping: another guidance, or when it acts."""
    eta: float | None = Field(default=None, ge=0, le=1, examples=[0.0, 1.0])
    """Noise added back at each DDIM step: 0 none, 1 as much as DDPM."""
    guidance_batch: Literal["one", "two"] = "one"
    """All branches of the guidance in one batch (faster) or one by one (less memory); the results differ in the last bits."""
    noise: Annotated[Options | str, PartOf("noises", default="gaussian")] | None = None
    """The initial noise. Default: ``gaussian``, independent in every frame."""
    sampler: Annotated[Options | str, PartOf("samplers", default="single")] | None = None
    """How the steps of the schedule are taken. Default: ``single``, the schedule once."""


MOST_PARTS = 64
"""Items of the longest list of regularizers, outputs or plugins."""


class RunSpec(Options):
    """A whole run. The parts (``model``, ``synopsis``, ``regularizers``, ``output``) are chosen by ``use``."""

    version: Literal[1] = 1
    """Version of the spec's format."""
    prompt: str = Field(default="", max_length=10_000, examples=["a landscape from winter to autumn"])
    """The prompt. It may be left out when the states are written in ``synopsis``."""
    negative_prompt: str | None = Field(default=None, max_length=10_000, examples=["blurred, text"])
    """What the video should not show; for all frames. Default: the synopsis's, then the model's own."""
    frames: Annotated[int | str | None, Number, Frames] = Field(default=None, examples=[64, "8s"])
    """Length of the clip: frames (``64``) or seconds (``"8s"``). Default: the model's own."""
    size: Size | None = Field(default=None, examples=[[512, 320], "512x320"])
    """Width and height in pixels: ``[512, 320]`` or ``512x320``. Default: the model's own."""
    fps: float | None = Field(default=None, gt=0, le=240, examples=[8, 16, 24])
    """Frames a second of the written files. Default: the model's own."""
    seed: Annotated[int, Number] = Field(default=0, ge=0, lt=2**64)
    """The same seed gives the same video."""
    model: Annotated[Options, PartOf("models", default="miniworld")]
    """The video model."""
    start: StartSpec | None = None
    """An earlier run whose frames are kept, or pictures and clips. Default: all frames are generated."""
    synopsis: Annotated[Options, PartOf("synopses")]
    """The part that writes the key states. Default of ``use``: ``states`` if they are listed, else the model's own writer if it
    has one, else ``llm``."""
    timeline: Annotated[TextOptions, PartOf("texts", default="blend")]
    """How the key states reach the frames. ``use`` left out: ``blend``, every frame its own mixture of their embeddings."""
    regularizers: list[Annotated[Options, PartOf("regularizers")]]
    """Changes to temporal attention, in this order. Default: ``tar`` with its defaults; ``[]`` for none."""
    sampling: SamplingSpec = SamplingSpec()
    """How the video is denoised."""
    finish: list[Annotated[Options, PartOf("finishers")]]
    """Changes to the frames after the model (size, number, rate), in this order. Default: none."""
    metrics: list[Annotated[Options, PartOf("metrics")]]
    """Metrics of the finished frames; the results are in the manifest. Default: none."""
    output: list[Annotated[Options, PartOf("exporters")]]
    """The files to write. Default: ``mp4`` and ``contact-sheet``."""
    expect: Expected = Field(default_factory=dict)
    """Conditions on the measured numbers: bounds in quotes, or ``false`` for 0. Metrics that are not listed are measured with
    their defaults. If one does not hold, the video is written and the run fails. Default: none."""
    latents: bool = True
    """Write the clean latents next to the video, so that later runs can keep frames of it (`start`)."""
    plugins: list[str | Options] = Field(default_factory=list[str | Options], examples=[["acme"]])
    """Installed plugins whose hooks are called, in this order: names, or mappings of ``use`` and options."""

    @field_validator("regularizers", "finish", "metrics", "output", "plugins", mode="before")
    @classmethod
    def _not_endless(cls, items: object) -> object:
        if isinstance(items, list) and len(cast(list[object], items)) > MOST_PARTS:
            raise ValueError(f"must have at most {MOST_PARTS} items")
        return cast(object, items)

    @field_validator("frames")
    @classmethod
    def _whole_frames(cls, frames: int | str | None, info: ValidationInfo) -> int | str | None:
        if isinstance(frames, int) and frames < 1:
            raise ValueError(f"{frames} frames: a clip has at least 1")
        if isinstance(frames, int):
            parse(frames)
        if isinstance(frames, str):
            well_formed = re.match(PATTERN, frames) is not None
            if not well_formed or parse(frames).unit != "seconds" or parse(frames).amount == 0:
                raise ValueError(f"{frames!r}: write a number of frames (64) or seconds ('8s')")
        return frames


DEFAULT_REGULARIZERS: list[dict[str, object]] = [{"use": name} for name in KINDS["regularizers"].default]
DEFAULT_OUTPUT: list[dict[str, object]] = [{"use": name} for name in KINDS["exporters"].default]
