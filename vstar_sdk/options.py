"""Base classes of option models: the keys next to ``use: NAME`` in a spec."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from vstar_sdk import moments
from vstar_sdk.reach import OF_A_VARIABLE
from vstar_sdk.reach import Address as Address
from vstar_sdk.reach import InnerName as InnerName
from vstar_sdk.reach import LocalFile as LocalFile
from vstar_sdk.reach import ModelReference as ModelReference

SHORTEST = 1e-6
"""The shortest duration, in whatever it is written in."""


def _moment(value: int | float | str) -> int | float | str:
    moments.parse(value)
    return value


def _duration(value: int | float | str) -> int | float | str:
    if moments.parse(value).amount <= 0:
        raise ValueError(f"{value!r}: a duration must be above 0")
    if moments.parse(value).amount < SHORTEST:
        raise ValueError(f"{value!r}: a duration must be at least {SHORTEST:g}")
    return value


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _span_schema(least: dict[str, float], examples: list[int | float | str]) -> WithJsonSchema:
    """The JSON Schema of a span: what `moments.parse` reads, as far as a pattern can say it."""
    number = {"type": "number", **least, "maximum": moments.LONGEST}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": moments.PATTERN}], "examples": examples})


Moment = Annotated[int | float | str, AfterValidator(_moment), _span_schema({"minimum": 0}, [12, "2.5s", "40%"])]
"""A field that takes a moment: a frame from 0 (``12``), seconds (``"2.5s"``) or a fraction (``"40%"``)."""

Duration = Annotated[int | float | str, AfterValidator(_duration), _span_schema({"exclusiveMinimum": 0}, [8, "0.5s", "12.5%"])]
"""A field that takes a length of time greater than 0: frames (``8``), seconds (``"0.5s"``) or a fraction (``"12.5%"``)."""

EnvName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,63}$"), OF_A_VARIABLE]
"""The *name* of an environment variable that holds a secret: ``ANTHROPIC_API_KEY``."""

ClassName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*Scheduler$", max_length=100)]
"""The name of a scheduler class of diffusers: ``DEISMultistepScheduler``."""

Number = BeforeValidator(_no_truth)
"""In a field's annotation: true and false are not numbers there (pydantic would read them as 1 and 0)."""

Level = Annotated[int, Field(ge=0, le=63)]
"""A resolution of temporal attention: 0 is the highest of the model."""


BlockIndex = Annotated[int, Field(ge=0, le=9999)]
"""The number of a block of a model that is one stack of equal blocks."""


Fraction = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
"""A share of the schedule; the order of two of them is checked with both at hand."""

Window = tuple[Fraction, Fraction]
"""Start and end, as fractions of the schedule."""


def at_level_0(value: Any) -> Any:
    """For a field that holds one value for each level: a single one means level 0."""
    return {0: value} if isinstance(value, int | float | str) and not isinstance(value, bool) else value


Widths = Annotated[
    dict[Level, Duration],
    Field(min_length=1),
    BeforeValidator(at_level_0, json_schema_input_type=Duration | Annotated[dict[Level, Duration], Field(min_length=1)]),
]
"""A length of time for each level: ``{0: 1, 1: 8}``; a single one means level 0."""


@dataclass(frozen=True)
class PartOf:
    """Marks a field that holds a part: ``Annotated[Options, PartOf("llm_backends")]``.

    The field may also be ``| None``, a list, a tuple, or a dict with text keys of these; a part may hold parts of its own kind.

    The catalog replaces the annotation by the union of all installed parts of that kind, chosen by ``use``.

    Attributes:
        kind: a kind of parts, as in the hook that offers them: ``models`` for `register_models`.
        default: the part meant when ``use`` is left out.
    """

    kind: str
    default: str | None = None


@cache
def _takes_truth(annotation: Any) -> bool:
    """Whether true and false may stand somewhere in a field, or some other model looks at what stands there."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation is bool or annotation is object or not issubclass(annotation, int | float | str | NoneType)
    return annotation is Any or any(_takes_truth(inner) for inner in get_args(annotation) if inner is not Ellipsis)


@cache
def _takes_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(_takes_number(inner) for inner in get_args(annotation) if inner is not Ellipsis)


def _holds_truth(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_truth, cast(dict[object, object], value))) or any(
            map(_holds_truth, cast(dict[object, object], value).values())
        )
    if isinstance(value, list | tuple):
        return any(map(_holds_truth, cast(list[object], value)))
    return isinstance(value, bool)


class Options(BaseModel):
    """Base of every option model: unknown keys are errors, values do not change.

    The docstring below a field becomes its description in `vstar schema`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false, at any depth, where a field has no place for them: pydantic would read them as 1 and 0."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if _takes_number(annotation) and not _takes_truth(annotation) and _holds_truth(value):
            raise ValueError("must be a number, not true or false")
        return value

    def __eq__(self, other: object) -> bool:
        """Equal values of one model; the models of a spec are composed again for every catalog, and known by their name."""
        kind, other_kind = type(self), type(other)
        same = kind is other_kind or (kind.__module__, kind.__qualname__) == (other_kind.__module__, other_kind.__qualname__)
        return same and vars(self) == vars(other)

    @property
    def part(self) -> str:
        """The ``use`` of the part that these options belong to."""
        return getattr(self, "use")  # noqa: B009  (added to the author's model by the catalog)


Amount = Annotated[float, Field(ge=0.0), Number]
"""A strength at one moment: 0 is the plain model."""


class Course(Options):
    """A strength that changes over the window: ``{from: 1.0, to: 0.2}``."""

    model_config = ConfigDict(serialize_by_alias=True)

    first: Amount = Field(alias="from", examples=[1.0], description="In the first step of the window; 0 is the plain model.")
    to: Amount = Field(examples=[0.2])
    """In the last step of the window."""
    ease: Literal["linear", "smooth"] = "linear"
    """``linear``, or ``smooth``: slow at both ends (cubic)."""

    def at(self, step: int, inside: range) -> float:
        """The strength in a step.

        Args:
            step: one of them.
            inside: the steps of the window; where it is a single one, the strength is the first.
        """
        passed = (step - inside.start) / max(1, len(inside) - 1)
        eased = passed if self.ease == "linear" else passed * passed * (3.0 - 2.0 * passed)
        return self.first + (self.to - self.first) * eased if eased < 1.0 else self.to


def _strength_kind(value: object) -> str:
    return "Course" if isinstance(value, dict | Course) else "number"


Strength = Annotated[Annotated[Amount, Tag("number")] | Annotated[Course, Tag("Course")], Discriminator(_strength_kind)]
"""How much of a regularizer acts: a number, or a `Course`."""


def in_order(blocks: tuple[int, int] | None) -> tuple[int, int] | None:
    """Blocks, checked.

    Raises:
        ValueError: the last one is before the first.
    """
    if blocks is not None and blocks[0] > blocks[1]:
        raise ValueError(f"blocks [{blocks[0]}, {blocks[1]}]: write the first and the last block")
    return blocks


def ordered(window: tuple[float, float]) -> tuple[float, float]:
    """A window, checked.

    Raises:
        ValueError: it is no part of the schedule.
    """
    start, end = window
    if not 0.0 <= start < end <= 1.0:
        raise ValueError(f"window [{start:g}, {end:g}]: write two fractions with 0 <= start < end <= 1")
    return window


class RegularizerOptions(Options):
    """Base of a regularizer's options: when it acts, and how much. Mappings with levels as keys say where.

    Strength and window are the core's work: a regularizer gives its operations as they are at strength 1.
    """

    strength: Strength = 1.0
    """Strength: a number, or a course over the window (`{from: 1.0, to: 0.2}`, with `ease: linear` or `smooth`).
    1 is the regularizer as it is described, 0 the plain model."""

    window: Window = (0.0, 1.0)
    """Start and end, as fractions of the schedule: of S steps, step i is inside when round(start S) <= i < round(end S)."""

    blocks: tuple[BlockIndex, BlockIndex] | None = None
    """First and last block to act at, counted from 0, of a model that is one stack of equal blocks (level 0 is all of them);
    left out: every block. Other models have levels only."""

    @field_validator("blocks")
    @classmethod
    def _in_order(cls, blocks: tuple[int, int] | None) -> tuple[int, int] | None:
        return in_order(blocks)

    @field_validator("window")
    @classmethod
    def _ordered(cls, window: tuple[float, float]) -> tuple[float, float]:
        return ordered(window)

    def for_joint(self) -> Self:
        """These options on a model whose tokens all attend to each other, where other defaults may be right.

        A regularizer with such defaults gives a copy, in which everything that was written stays.
        """
        return self

    def resolved(self) -> Self:
        """These options for the run and its resolved spec: what they name outside of the spec is read and stands in its place.

        By default they are as they are. The path of a `LocalFile` is absolute here.
        """
        return self

    def named_levels(self) -> set[int]:
        """Every level that the options name: the integer keys of all mappings, and the field ``levels`` if there is one."""
        named: set[int] = set()
        for name in type(self).model_fields:
            value: Any = getattr(self, name)
            if isinstance(value, dict):
                named.update(key for key in cast(dict[Any, Any], value) if isinstance(key, int))
            elif name == "levels" and value is not None:
                named.update(value)
        return named


class GuidanceOptions(Options):
    """Base of a guidance's options: how strong it is, and when."""

    scale: float | None = Field(default=None, ge=1, le=100, examples=[7.5])
    """Guidance scale; 1 turns guidance off. Default: the model's own."""
    start: Fraction = 0.0
    """Start of guidance, as a fraction of the schedule: of S steps, step i is guided when round(start S) <= i < round(stop S)."""
    stop: Fraction = 1.0
    """End of guidance, as a fraction of the schedule."""

    @model_validator(mode="after")
    def _in_this_order(self) -> Self:
        if not 0.0 <= self.start < self.stop <= 1.0:
            raise ValueError(f"start {self.start:g}, stop {self.stop:g}: write two fractions with 0 <= start < stop <= 1")
        return self


class PlacedGuidanceOptions(GuidanceOptions):
    """Base of the options of a guidance that predicts a worse video, whose attention is changed, to move away from it."""

    levels: list[Level] | None = Field(default=None, min_length=1)
    """Levels at which attention is changed, 0 being the highest resolution; left out: all."""
    blocks: tuple[BlockIndex, BlockIndex] | None = None
    """First and last block to change, counted from 0, of a model that is one stack of equal blocks; left out: every block."""
    strength: float = Field(default=3.0, ge=0, le=100)
    """How far the video is moved away from the worse one; 0 is plain guidance."""
    window: Window = (0.0, 1.0)
    """When, as fractions of the schedule; a step inside takes one prediction more."""

    @field_validator("blocks")
    @classmethod
    def _blocks_in_order(cls, blocks: tuple[int, int] | None) -> tuple[int, int] | None:
        return in_order(blocks)

    @field_validator("window")
    @classmethod
    def _window_in_order(cls, window: tuple[float, float]) -> tuple[float, float]:
        return ordered(window)

    def named_levels(self) -> set[int]:
        """Every level that they name."""
        return set(self.levels or ())


class ModelOptions(Options):
    """Base of a model's options: where it runs."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = frozenset({"device", "dtype"})
    """Options of which a session holds one value at a time: a model that was loaded with another is let go first."""

    device: str = "auto"
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    dtype: str = Field(default="auto", pattern=r"^(auto|float32|float16|bfloat16)$")
    """Precision of the weights; ``auto`` is float32 on a CPU, and on a GPU bfloat16, or float16 where it has no bfloat16."""


class ExporterOptions(Options):
    """Base of an exporter's options."""


class ExecutorOptions(Options):
    """Base of an executor's options."""
