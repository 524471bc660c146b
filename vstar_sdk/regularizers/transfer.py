"""``transfer``: the pace of a reference clip in the place of TAR's Gaussian (dynamics transfer of VSTAR, arXiv 2403.13501).

The paper takes a frame-by-frame similarity matrix of a real video. Where it says no more, the form is ours: which similarity (see
`vstar_sdk.regularizers.similarity`), and its mean over all pairs of frames at a distance, ``g(d)`` with ``g(0) = 1``, so that
clips of any length fit. With ``G_ij = g(|i - j|)``::

    bias    A'_ij = A_ij + strength * s_i * G_ij       s: a statistic of the row, as in TAR
    mix     P'    = (1 - w) P + w M                    M_ij = G_ij / sum_j G_ij,  w = strength * weight
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from vstar_sdk.attention.operations import Bias, Mix
from vstar_sdk.errors import SpecError
from vstar_sdk.options import Level, Options, RegularizerOptions, Strength, Window
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.reach import LocalFile
from vstar_sdk.regularizers.similarity import similarity_of_video
from vstar_sdk.regularizers.tar import JOINT_DEFAULTS

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.operations import Operation
    from vstar_sdk.attention.sites import Site

MOST = 4096
"""Values of the longest profile."""


class Profile(Options):
    """What a clip says by the distance of its frames, as numbers."""

    values: list[Annotated[float, Field(ge=0.0, le=1000.0)]] = Field(min_length=2, max_length=MOST, examples=[[1.0, 0.6, 0.3]])
    """Of frames 0, 1, 2, ... frames apart; the first is above 0."""
    fps: float = Field(gt=0.0, le=1000.0, examples=[8.0])
    """Frames of the clip in a second."""

    @field_validator("values")
    @classmethod
    def _begins_above_0(cls, values: list[float]) -> list[float]:
        if not values[0]:
            raise ValueError("the first value, of a frame with itself, must be above 0")
        return values


def _schema(schema: dict[str, Any]) -> None:
    """A clip or profiles, in JSON Schema."""
    kinds = {"clip": "string", "profiles": "object"}
    schema["oneOf"] = [{"required": [name], "properties": {name: {"type": kind}}} for name, kind in kinds.items()]


class TransferOptions(RegularizerOptions):
    """Options of `Transfer`: whose pace, and how it acts."""

    model_config = ConfigDict(json_schema_extra=_schema)

    clip: Annotated[str, Field(min_length=1, max_length=4096), LocalFile()] | None = Field(default=None, examples=["waves.mp4"])
    """A video whose frames are compared with each other: its first 512. A relative path begins at the spec's folder."""
    contrast: float = Field(default=10.0, gt=0.0, le=1000.0)
    """Of a clip: how fast frames that differ count as unlike. Two that differ by `1 / contrast` of their own variation are alike
    by `1 / e`."""
    profiles: dict[Level, Profile] | None = Field(default=None, min_length=1)
    """In the place of a clip, what one says, for each level: a resolved spec has them, and needs the file no more."""
    form: Literal["bias", "mix"] = "bias"
    """`bias` adds the profile to the logits, as TAR adds its band; `mix` mixes a map of it into the attention itself, which
    can also be even."""
    weight: float = Field(default=0.5, gt=0.0, le=1.0)
    """Of `mix`: the share of the map at strength 1."""
    stat: Literal["max", "spread", "none"] = "max"
    """Of `bias`: what the profile is scaled by, as in `tar`; `none` adds it as it is."""
    distance: Literal["seconds", "frames", "clip"] = "seconds"
    """What is the same in clip and video: the time between two frames, their number, or their share of the whole. Beyond the
    clip's length its last value holds."""
    levels: list[Level] = Field(default=[0], min_length=1)
    """Levels to act at, 0 being the highest resolution."""
    strength: Strength = 1.0
    """How much of it acts: a number, or a course over the window; 0 is the plain model. Left out for `bias` on a model whose
    tokens all attend to each other: 0.5, with `stat: spread`."""
    window: Window = (0.0, 0.56)
    """First and last moment of the schedule, as fractions; the default is TAR's."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.clip is None) == (self.profiles is None):
            raise ValueError("write either clip or profiles")
        if self.profiles is not None and (missing := set(self.levels) - self.profiles.keys()):
            raise ValueError(f"profiles has none for level {min(missing)}, which levels names")
        return self

    def named_levels(self) -> set[int]:
        """The levels to act at; profiles of others are of no use, and no fault."""
        return set(self.levels)

    def for_joint(self) -> Self:
        """With the defaults of TAR on such models, for a bias."""
        if self.form == "mix":
            return self
        return self.model_copy(update={key: value for key, value in JOINT_DEFAULTS.items() if key not in self.model_fields_set})

    def resolved(self) -> Self:
        """With the profiles of the clip in its place.

        Raises:
            SpecError: it cannot be read, or has one frame; the path is ``("clip",)``.
        """
        if self.clip is None:
            return self
        try:
            values, fps = similarity_of_video(Path(self.clip).expanduser(), self.contrast)
        except SpecError as error:
            raise error if error.path else error.under("clip") from None
        profile = Profile(values=[round(value, 6) for value in values], fps=fps)
        return self.model_copy(update={"clip": None, "profiles": dict.fromkeys(self.levels, profile)})


class Transfer:
    """Has frames attend to each other by their distance as the frames of a clip resemble each other by theirs."""

    def __init__(self, options: TransferOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> tuple[Operation, ...]:
        """One `Bias` or `Mix`, at the chosen levels; never in block ``init``.

        Raises:
            SpecError: the clip cannot be read, or has one pace at all distances, which a bias cannot say.
        """
        if site.block == "init" or site.level not in self.options.levels:
            return ()
        options = self.options.resolved()
        profile = (options.profiles or {})[site.level]
        if options.form == "bias" and options.strength and all(before == after for before, after in pairwise(profile.values)):
            raise SpecError(
                "transfer: nothing changes in the clip, so that a bias of it is the same for all frames and changes nothing",
                hint="use form: mix, where it is even attention, or another clip",
                path=("clip",),
            )
        scale = _frames_of_clip(profile, options.distance, site)

        def matrix(distance: Tensor) -> Tensor:
            return interpolated(profile.values, distance.abs() * scale)

        def fixed(distance: Tensor) -> Tensor:
            given = matrix(distance)
            return given / given.sum(dim=-1, keepdim=True)

        return (Mix(fixed, options.weight),) if options.form == "mix" else (Bias(matrix, stat=options.stat),)


def interpolated(values: list[float], at: Tensor) -> Tensor:
    """A profile between its values, in straight lines, divided by its first; behind its end the last one.

    Args:
        values: at 0, 1, 2, ...
        at: where, at least 0; float64.
    """
    known = at.new_tensor(values) / values[0]
    place = at.clamp(max=len(values) - 1)
    before = place.floor().clamp(max=len(values) - 2)
    first = before.long()
    return known[first] + (place - before) * (known[first + 1] - known[first])


def _frames_of_clip(profile: Profile, same: str, site: Site) -> float:
    """How many frames of the clip a distance of 1 at a site is."""
    clock = site.clock
    if same == "seconds":
        return profile.fps / clock.rate
    if same == "frames":
        return float(clock.rhythm.regular)
    longest = clock.positions[-1] - clock.positions[0]
    return (len(profile.values) - 1) / longest if longest else 0.0


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``transfer``."""
    register("transfer", options=TransferOptions, factory=Transfer, summary="The pace of a clip, as a bias or a map.")
