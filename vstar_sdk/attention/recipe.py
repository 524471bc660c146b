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
a mix of weight 1              ``a map``: ``M V`` alone, no logits
wraps                          ``wrapped ...``: one of these, called by the functions
biases, at a joint site        ``frame-pair bias``: no mask of tokens by tokens (see `vstar_sdk.attention.joint`)
=============================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from vstar_sdk.attention.operations import Bias, Logits, Mix, Operation, Scale, Statistic, Wrap
from vstar_sdk.attention.sites import SiteKind

O_co = TypeVar("O_co", bound=Operation, covariant=True)


@dataclass(frozen=True)
class Act:
    """The part of one regularizer at one site.

    Attributes:
        regularizer: its name.
        window: when it acts, as fractions of the schedule.
        operations: what it does, at least one.
        index: its place in the spec.
    """

    regularizer: str
    window: tuple[float, float]
    operations: tuple[Operation, ...]
    index: int = 0


@dataclass(frozen=True)
class Ingredient(Generic[O_co]):
    """An operation, and whose it is."""

    operation: O_co
    regularizer: str


@dataclass(frozen=True)
class Recipe:
    """Operations that do something, each kind of them in the order of the spec.

    Attributes:
        kind: of the site.
        biases: those whose logits are made; none where the map is replaced whole.
        scales: likewise.
        changes: likewise.
        mixes: from the last one of weight 1 on, which undoes all before it.
        wraps: the first is the outermost.
    """

    kind: SiteKind
    biases: tuple[Ingredient[Bias], ...] = ()
    scales: tuple[Ingredient[Scale], ...] = ()
    changes: tuple[Ingredient[Logits], ...] = ()
    mixes: tuple[Ingredient[Mix], ...] = ()
    wraps: tuple[Ingredient[Wrap], ...] = ()

    @property
    def replaced(self) -> bool:
        """Whether a fixed map takes the attention's place, so that no logits are made."""
        return any(mix.operation.weight == 1.0 for mix in self.mixes)

    @property
    def statistics(self) -> frozenset[Statistic]:
        """Of the biases."""
        return frozenset(bias.operation.stat for bias in self.biases)

    @property
    def in_chunks(self) -> bool:
        """Whether the logits are made here, chunk by chunk, rather than inside PyTorch's fused attention."""
        if self.kind == "joint":
            return bool(self.biases)
        return bool(self.changes) or bool(self.statistics - {"none"})

    @property
    def words(self) -> str:
        """The execution in words."""
        wrapped = "wrapped " if self.wraps else ""
        if self.replaced:
            return f"{wrapped}a map"
        rows = bool(self.statistics - {"none"})
        if self.changes:
            words = "changed logits"
        elif self.kind == "joint" and self.biases:
            words = "frame-pair bias with row statistics" if rows else "frame-pair bias"
        else:
            words = "row statistics" if rows else "masked sdpa" if self.biases else "sdpa"
        scaled = "scaled " if self.scales else ""
        return f"{wrapped}{scaled}{words}{' mixed with a map' if self.mixes else ''}"


def lower(acts: Iterable[Act], kind: SiteKind) -> Recipe:
    """The recipe of the acts that are active at a site at once; operations that are known to do nothing are left out.

    Args:
        acts: in the order of the spec.
        kind: of the site.
    """
    given = [Ingredient(operation, act.regularizer) for act in acts for operation in act.operations]
    mixes = tuple(mix for mix in _of(Mix, given) if mix.operation.weight != 0.0)
    whole = max((place for place, mix in enumerate(mixes) if mix.operation.weight == 1.0), default=None)
    wraps = tuple(_of(Wrap, given))
    if whole is not None:
        return Recipe(kind, mixes=mixes[whole:], wraps=wraps)
    return Recipe(
        kind,
        biases=tuple(bias for bias in _of(Bias, given) if bias.operation.strength != 0.0),
        scales=tuple(scale for scale in _of(Scale, given) if not _neutral(scale.operation)),
        changes=tuple(_of(Logits, given)),
        mixes=mixes,
        wraps=wraps,
    )


def _of(kind: type[O_co], given: Iterable[Ingredient[Operation]]) -> Iterator[Ingredient[O_co]]:
    for one in given:
        if isinstance(one.operation, kind):
            yield Ingredient(one.operation, one.regularizer)


def _neutral(scale: Scale) -> bool:
    return all(set(factors if isinstance(factors, tuple) else (factors,)) == {1.0} for factors in (scale.q, scale.k))
