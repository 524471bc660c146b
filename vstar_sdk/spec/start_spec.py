"""``start``: what a video begins with. An earlier run, pictures or clips."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from vstar_sdk import frame_ranges
from vstar_sdk.moments import LONGEST
from vstar_sdk.options import Number, Options
from vstar_sdk.reach import Reaches, beside
from vstar_sdk.reading.fitting import Fit

FrameRanges = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": LONGEST},
            {"type": "string", "pattern": frame_ranges.PATTERN, "maxLength": 1000},
        ],
        "examples": ["0-31", "0-7, 20-31", "0s-2s", 0],
    }
)
_SHA256 = r"^[0-9a-f]{64}$"

Material = Literal["first", "last", "clip", "into"]
"""The keys that name a picture or a clip."""

FileName = Annotated[str, Field(min_length=1, max_length=4096), Reaches(beside)]
Ranges = Annotated[int | Annotated[str, Field(max_length=1000)], Number, FrameRanges]


def _there(*names: str) -> dict[str, Any]:
    return {"required": list(names), "properties": {name: {"type": "string"} for name in names}}


def _schema(schema: dict[str, Any]) -> None:
    """What `StartSpec` checks of its keys together, in JSON Schema."""
    one_of_two = [("first", "clip"), ("last", "into"), *(("from", name) for name in ("first", "last", "clip", "into"))]
    schema["anyOf"] = [_there(name) for name in ("from", "first", "last", "clip", "into")]
    schema["allOf"] = [
        *({"not": _there(*pair)} for pair in one_of_two),
        {"if": _there("from"), "then": {"required": ["keep"], "properties": {"keep": {"not": {"type": "null"}}}}},
        {"if": _given("keep"), "then": {"anyOf": [_there(name) for name in ("from", "clip", "into")]}},
        *({"if": _given(f"{name}_frames"), "then": _there(name)} for name in ("clip", "into")),
        {"if": _given("sha256"), "then": _there("from")},
    ]


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class StartSpec(Options):
    """What the video begins with: frames of an earlier run that stay as they are, or pictures and clips."""

    model_config = ConfigDict(serialize_by_alias=True, json_schema_extra=_schema)

    run: Annotated[str, Reaches(beside)] | None = Field(
        default=None,
        alias="from",
        min_length=1,
        max_length=4096,
        examples=["runs/winter"],
        description="Directory of a finished run of the same model and size; a relative one begins at the spec's folder.",
    )
    first: FileName | None = Field(default=None, examples=["first.png"])
    """A picture that the video begins with: PNG, JPEG or WebP."""
    last: FileName | None = Field(default=None, examples=["last.png"])
    """A picture that the video ends with."""
    clip: FileName | None = Field(default=None, examples=["beach.mp4"])
    """A video that the new one continues: its frames come first, one for one, whatever its frame rate."""
    clip_frames: Ranges | None = Field(default=None)
    """The frames of `clip` that are used, one range: `24-31`, `2s-4s`. Default: all."""
    into: FileName | None = Field(default=None, examples=["forest.mp4"])
    """A video that the new one ends with: its last frame is the last one."""
    into_frames: Ranges | None = Field(default=None)
    """The frames of `into` that are used, one range. Default: all."""
    keep: Ranges | None = Field(default=None)
    """The frames that are kept, each at its own place: `0-31`, `0-7, 20-31`, or `0s-2s`. With `clip` and `into` the default is
    all that they have."""
    fit: Fit = "crop"
    """How pictures of another size are fitted: ``crop`` resizes the largest part in the middle that has the video's shape,
    ``stretch`` all of it."""
    lead: float | None = Field(default=None, ge=0, le=1, examples=[0.4])
    """How long kept frames lead their new neighbours, as a share of the schedule; frames farther away are led less long. More
    makes seams smoother, less leaves more to the text; 0 leads none. Default: 0.4 with a run, 0.8 with pictures and clips."""
    sha256: str | None = Field(default=None, pattern=_SHA256)
    """Of the run's `latents.safetensors`; others are refused. The resolved spec fills it in."""
    digests: dict[Material, Annotated[str, Field(pattern=_SHA256)]] = Field(default_factory=dict[Material, str], max_length=4)
    """SHA-256 of the pictures and clips, by their keys; others are refused. The resolved spec fills them in."""

    @property
    def leading(self) -> float:
        """`lead`, or its default. A run's own frames need less: what made them makes the others."""
        return self.lead if self.lead is not None else 0.4 if self.run is not None else 0.8

    @field_validator("keep", "clip_frames", "into_frames")
    @classmethod
    def _ranges(cls, keep: int | str | None) -> int | str | None:
        if keep is not None:
            frame_ranges.ranges(keep)
        return keep

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        given = [name for name in ("first", "last", "clip", "into") if getattr(self, name) is not None]
        if self.run is None and not given:
            raise ValueError("says nothing: name a run ('from' and 'keep'), or a picture or clip (first, last, clip, into)")
        if self.run is not None and given:
            raise ValueError(f"has both 'from' and '{given[0]}': a video begins with a run, or with pictures and clips")
        for pair in (("first", "clip"), ("last", "into")):
            if set(pair) <= {*given}:
                raise ValueError(f"has both '{pair[0]}' and '{pair[1]}': choose one")
        if self.run is not None and self.keep is None:
            raise ValueError("has 'from' without 'keep': write the frames that are kept, such as '0-31'")
        if self.keep is not None and self.run is None and self.clip is None and self.into is None:
            raise ValueError("has 'keep' without 'from', 'clip' or 'into', whose frames could be kept")
        for name in ("clip", "into"):
            if getattr(self, f"{name}_frames") is not None and name not in given:
                raise ValueError(f"has '{name}_frames' without '{name}'")
        if self.sha256 is not None and self.run is None:
            raise ValueError("has 'sha256' without 'from'")
        return self
