"""Caches of diffusers, which leave out what a step of the denoiser would compute nearly as the step before. No torch."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol, cast, runtime_checkable

from pydantic import Discriminator, Field, Tag

from vstar_sdk.models.contract import ModelSource
from vstar_sdk.options import Fraction, Number, Options

Threshold = Annotated[float, Number, Field(gt=0.0, le=10.0)]
"""How much may differ."""


Ratio = Annotated[float, Number, Field(gt=0.0, le=100.0)]
"""The size of a change, as a share of another."""


class FirstBlockCache(Options):
    """Leaves out all blocks but the first in steps where its change is nearly that of the step before."""

    use: Literal["first-block"]
    """The kind of cache."""
    threshold: Threshold = 0.05
    """The mean difference of the first block's change to that of the last whole step, as a share of its mean: below it the other
    blocks are left out. More is faster, and differs more."""

    def computes(self, block: int, step: int, steps: int) -> bool:
        """Whether a block is surely computed in a step; before the first step nothing is known that could stand in for it."""
        del steps
        return block == 0 or step == 0

    @property
    def surely(self) -> str:
        """What is computed in any case, for a regularizer to keep to."""
        return "blocks: [0, 0]"


class TaylorSeerCache(Options):
    """Computes attention and feed-forward layers in some steps only, and continues their outputs by a Taylor series."""

    use: Literal["taylorseer"]
    """The kind of cache."""
    interval: int = Field(default=5, ge=2, le=100)
    """Every so many steps all is computed."""
    warm_up: int = Field(default=3, ge=1, le=1000)
    """Steps at the beginning in which all is computed."""
    order: int = Field(default=1, ge=0, le=3)
    """Order of the series: 0 repeats the last output."""

    def computes(self, block: int, step: int, steps: int) -> bool:
        """Whether a block is surely computed in a step."""
        del block, steps
        return step < self.warm_up or (step - self.warm_up - 1) % self.interval == 0

    @property
    def surely(self) -> str:
        """What is computed in any case, for a regularizer to keep to."""
        return f"a window within the first {self.warm_up} steps (model.cache.warm_up)"


class MagCache(Options):
    """Leaves out all blocks in steps where their change was nearly that of the step before when the model was measured."""

    use: Literal["magcache"]
    """The kind of cache."""
    ratios: list[Annotated[float, Number, Field(gt=0.0, le=100.0)]] = Field(
        min_length=1, max_length=1000, examples=[[1.0, 1.02, 0.99]]
    )
    """The size of the blocks' change in each step, as a share of the step before: those of a model, which diffusers measures with
    `MagCacheConfig(calibrate=True)`. Another number of steps takes the nearest of them."""
    threshold: Threshold = 0.06
    """The sum of errors up to which blocks are left out. More is faster, and differs more."""
    most: int = Field(default=3, ge=1, le=100)
    """The most steps in a row in which they are."""
    warm_up: Fraction = 0.2
    """The share of the schedule at its beginning in which all is computed."""

    def computes(self, block: int, step: int, steps: int) -> bool:
        """Whether a block is surely computed in a step."""
        del block
        return step < int(self.warm_up * steps + 0.5)

    @property
    def surely(self) -> str:
        """What is computed in any case, for a regularizer to keep to."""
        return f"window: [0, {self.warm_up:g}] (model.cache.warm_up)"


def _use(value: object) -> object:
    return cast(dict[str, object], value).get("use") if isinstance(value, dict) else getattr(value, "use", None)


Cache = Annotated[
    Annotated[FirstBlockCache, Tag("first-block")]
    | Annotated[TaylorSeerCache, Tag("taylorseer")]
    | Annotated[MagCache, Tag("magcache")],
    Discriminator(
        _use, custom_error_type="cache", custom_error_message="write use: first-block, use: taylorseer or use: magcache"
    ),
]
"""One of them."""
CacheName = Literal["first-block", "taylorseer", "magcache"]


@runtime_checkable
class CachedSource(ModelSource, Protocol):
    """A model source whose model may leave out parts of its denoiser."""

    @property
    def cache(self) -> FirstBlockCache | TaylorSeerCache | MagCache | None:
        """The cache; None computes all."""
        ...
