"""The recipe: the operations that are active at a site at once, lowered to one value. No torch.

The words in a plan, the memory in an estimate and the executor all derive from it, so that they cannot disagree. The cheapest
exact execution is chosen:

=============================  ==============================================================================
operations                     execution
=============================  ==============================================================================
none                           ``sdpa``: PyTorch's fused attention, as the model has it
biases without a statistic     ``masked sdpa``: the same, with the sum of the biases as an additive mask
a bias with a row statistic    ``row statistics``: logits in small chunks, changed in place, softmax in float32
changes of the logits          ``changed logits``: the same, with the functions called on every chunk
scales                         ``scaled ...``: one of these, with queries and keys multiplied beforehand
mixes                          ``... mixed with a map``: one of these, its output mixed with ``M V`` afterwards
a mix of weight 1              ``a map``: ``M V`` alone, no logits; at a joint site ``scaled a map``, ``rotated a map`` too
wraps                          ``wrapped ...``: one of these, called by the functions
biases, at a joint site        ``frame-pair bias``: no mask of tokens by tokens (see `vstar_sdk.attention.joint`)
rotary positions               ``rotated ...``: one of these, with queries and keys turned by the difference beforehand
biases, asked to be fused      ``fused ...`` in the place of chunks and of no mask: one kernel (see `vstar_sdk.attention.fused`)
biases of key states           ``segment bias``: PyTorch's fused attention frame by frame, with a mask of one row; beside
                               biases of frames at a joint site ``... with a segment bias``, in their rows
=============================  ==============================================================================

A regularizer's strength ``s`` multiplies biases and the weights of mixes, and moves everything else by that share from what is
there without it: angles, scales ``1 + s (q - 1)``, logits ``A + s (fn(A) - A)`` (``fn(A)`` where ``A`` is ``-inf``),
outputs of wraps ``out + s (fn(...) - out)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.operations import (
    Bias,
    Logits,
    Mix,
    Operation,
    Rotary,
    Scale,
    SegmentBias,
    Statistic,
    Wrap,
    acts_in,
    branches_of,
)
from vstar_sdk.attention.sites import SiteKind
from vstar_sdk.options import Course

O_co = TypeVar("O_co", bound=Operation, covariant=True)


@dataclass(frozen=True)
class Act:
    """The part of one regularizer at one site.

    Attributes:
        regularizer: its name.
        window: when it acts, as fractions of the schedule.
        operations: what it does at strength 1, at least one.
        index: its place in the spec.
        strength: how much of it is done; a course runs over the window.
        remembers: whether its memory has a say in the strength, so that only the run knows it.
    """

    regularizer: str
    window: tuple[float, float]
    operations: tuple[Operation, ...]
    index: int = 0
    strength: float | Course = 1.0
    remembers: bool = False

    @property
    def constant(self) -> float | None:
        """Its strength, where it is the same in all steps."""
        return None if self.remembers or isinstance(self.strength, Course) else self.strength

    @property
    def ingredients(self) -> tuple[Ingredient[Operation], ...]:
        """Its operations, each with what a recipe needs to know of it."""
        return tuple(Ingredient(operation, self.regularizer, self.index, self.constant) for operation in self.operations)

    def at(self, step: int, steps: int) -> float:
        """The strength that its options give it in a step; 0 outside of its window."""
        inside = steps_inside(self.window, steps)
        if step not in inside:
            return 0.0
        return self.strength.at(step, inside) if isinstance(self.strength, Course) else self.strength


@dataclass(frozen=True)
class Ingredient(Generic[O_co]):
    """An operation, whose it is, and how much of it is done.

    Attributes:
        operation: at strength 1.
        regularizer: its name.
        index: its place in the spec.
        strength: of the regularizer; None where it changes from step to step.
    """

    operation: O_co
    regularizer: str
    index: int = 0
    strength: float | None = 1.0

    @property
    def replaces(self) -> bool:
        """Whether it is a mix that leaves nothing of the attention, in any step."""
        return isinstance(self.operation, Mix) and self.strength is not None and self.operation.weight * self.strength == 1.0

    @property
    def does_nothing(self) -> bool:
        """Whether that is known of it."""
        one = self.operation
        if self.strength == 0.0:
            return True
        if isinstance(one, Scale):
            return all(set(given if isinstance(given, tuple) else (given,)) == {1.0} for given in (one.q, one.k))
        return (isinstance(one, Bias) and one.strength == 0.0) or (isinstance(one, Mix) and one.weight == 0.0)


@dataclass(frozen=True)
class Recipe:
    """Operations that do something, each kind of them in the order of the spec.

    Attributes:
        kind: of the site.
        biases: those whose logits are made; none where the map is replaced whole.
        scales: likewise, but that at a joint site the map leaves the attention inside frames, on which they act.
        changes: as biases.
        mixes: from the last one of weight 1 on, which undoes all before it.
        wraps: the first is the outermost.
        rotaries: as scales, at most one in a step.
        segments: of a site that reads key states; a cross site has nothing else.
        fused: whether the biases run inside a fused kernel.
    """

    kind: SiteKind
    biases: tuple[Ingredient[Bias], ...] = ()
    scales: tuple[Ingredient[Scale], ...] = ()
    changes: tuple[Ingredient[Logits], ...] = ()
    mixes: tuple[Ingredient[Mix], ...] = ()
    wraps: tuple[Ingredient[Wrap], ...] = ()
    rotaries: tuple[Ingredient[Rotary], ...] = ()
    segments: tuple[Ingredient[SegmentBias], ...] = ()
    fused: bool = False

    @property
    def replaced(self) -> bool:
        """Whether a fixed map takes the attention's place, so that no logits are made."""
        return any(mix.replaces for mix in self.mixes)

    @property
    def moves(self) -> bool:
        """Whether strengths change from step to step."""
        given = (*self.biases, *self.scales, *self.changes, *self.mixes, *self.wraps, *self.rotaries, *self.segments)
        return any(one.strength is None for one in given)

    @property
    def statistics(self) -> frozenset[Statistic]:
        """Of the biases."""
        return frozenset(bias.operation.stat for bias in self.biases)

    @property
    def in_chunks(self) -> bool:
        """Whether the logits are made here, chunk by chunk, rather than inside PyTorch's fused attention."""
        if self.kind == "joint":
            return bool(self.biases or self.changes)
        return bool(self.changes) or bool(self.statistics - {"none"})

    @property
    def words(self) -> str:
        """The execution in words."""
        if self.kind == "cross":
            return "segment bias" if self.segments else "sdpa"
        told = " with a segment bias" if self.segments else ""
        wrapped = "wrapped " if self.wraps else ""
        scaled = f"{'rotated ' if self.rotaries else ''}{'scaled ' if self.scales else ''}"
        if self.replaced:
            return f"{wrapped}{scaled}a map{told}"
        rows = bool(self.statistics - {"none"})
        if self.changes:
            words = "changed logits"
        elif self.kind == "joint" and self.biases:
            words = "frame-pair bias with row statistics" if rows else "frame-pair bias"
        else:
            words = "row statistics" if rows else "masked sdpa" if self.biases else "sdpa"
        if (words, self.mixes) == ("sdpa", ()) and self.segments:
            words, told = "segment bias", ""
        fused = "fused " if self.fused else ""
        return f"{wrapped}{scaled}{fused}{words}{' mixed with a map' if self.mixes else ''}{told}"


def told_apart(acts: Iterable[Act]) -> tuple[bool | None, ...]:
    """What there is a recipe of its own for: ``(None,)`` where all branches of the guidance are nursed alike.

    Else True and False, for the branches that the prompt conditions and for the others.
    """
    same = all(branches_of(operation) == "all" for act in acts for operation in act.operations)
    return (None,) if same else (True, False)


def lower(acts: Iterable[Act], kind: SiteKind, prompted: bool | None = None, *, fused: bool = False) -> Recipe:
    """The recipe of the acts that are active at a site at once; operations that are known to do nothing are left out.

    Args:
        acts: in the order of the spec.
        kind: of the site.
        prompted: see `told_apart`.
        fused: whether a fused kernel is asked for. It takes every bias that would be added in chunks; changes of the logits are
            functions of whole rows, which no kernel has.
    """
    given = [one for act in acts for one in act.ingredients if not one.does_nothing and acts_in(one.operation, prompted)]
    mixes, wraps = tuple(_of(Mix, given)), tuple(_of(Wrap, given))
    whole = max((place for place, mix in enumerate(mixes) if mix.replaces), default=None)
    scales, rotaries, segments = tuple(_of(Scale, given)), tuple(_of(Rotary, given)), tuple(_of(SegmentBias, given))
    if whole is not None and kind == "joint":
        return Recipe(kind, scales=scales, mixes=mixes[whole:], wraps=wraps, rotaries=rotaries, segments=segments)
    if whole is not None:
        return Recipe(kind, mixes=mixes[whole:], wraps=wraps)
    recipe = Recipe(
        kind,
        biases=tuple(_of(Bias, given)),
        scales=scales,
        changes=tuple(_of(Logits, given)),
        mixes=mixes,
        wraps=wraps,
        rotaries=rotaries,
        segments=segments,
    )
    return replace(recipe, fused=fused and recipe.in_chunks and not recipe.changes)


def _of(kind: type[O_co], given: Iterable[Ingredient[Operation]]) -> Iterator[Ingredient[O_co]]:
    for one in given:
        if isinstance(one.operation, kind):
            yield Ingredient(one.operation, one.regularizer, one.index, one.strength)
