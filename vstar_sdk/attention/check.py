"""Checks of a regularizer against a model's sites: what would silently do nothing is an error. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Protocol, cast

from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.operations import OPERATIONS, Mix, Operation, Rotary, Scale, SegmentBias, Wrap, acts_in, branches_of
from vstar_sdk.attention.particular import ParticularRegularizer
from vstar_sdk.attention.remembering import RememberingRegularizer
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError, VstarError
from vstar_sdk.options import Course

if TYPE_CHECKING:
    from vstar_sdk.attention.recipe import Act
    from vstar_sdk.regularizers.contract import Regularizer

_TELL_STATES = "it acts on the text of key states: have frames read all of it, with timeline: {use: relay}"


def check_regularizer(regularizer: Regularizer, addresses: Sequence[SiteAddress], clock: Clock, steps: int | None = None) -> None:
    """Refuse a regularizer that would not do what its options say.

    Args:
        regularizer: to be checked.
        addresses: all temporal self-attentions of the model.
        clock: of the clip.
        steps: steps of the run; None when they are not known yet, and then windows are not checked.

    Raises:
        SpecError: it names a level or a block that the model does not have, has no operation at any site or one that has no
            meaning there, or acts or watches in a window without a step. The path is relative to the regularizer's options.
        PluginError: see `operations_at`.
    """
    name = name_of(regularizer)
    _check_memory(regularizer)
    check_places(name, regularizer.options, addresses)
    sites = [Site.at(address, clock) for address in addresses]
    asked = [(site, operations_at(regularizer, site)) for site in sites]
    for site, operations in asked:
        check_operations(name, site, operations)
    watched = [(site, window) for site in sites if (window := watched_at(regularizer, site)) is not None]
    if not watched and not any(operations for _, operations in asked):
        unread = any(isinstance(one, SegmentBias) for site in sites for one in _given(regularizer, site))
        raise SpecError(
            f"{name}: has no operation at any of the model's {len(addresses)} temporal attentions "
            f"({_list_levels(_levels(addresses))})",
            hint=_TELL_STATES if unread else "change its options so that it acts somewhere, or remove it",
        )
    _check_weights(regularizer, [operation for _, operations in asked for operation in operations])
    if steps is None:
        return
    if not steps_inside(regularizer.options.window, steps):
        start, end = regularizer.options.window
        raise SpecError(
            f"{name}: the window [{start:g}, {end:g}] holds none of {steps} steps",
            hint=f"one step is {1 / steps:.3g} of this schedule: widen the window, or take more steps",
            path=("window",),
        )
    for site, (start, end) in watched:
        if not steps_inside((start, end), steps):
            raise SpecError(
                f"{name}: watches {site.name} in the window [{start:g}, {end:g}], which holds none of {steps} steps",
                hint=f"one step is {1 / steps:.3g} of this schedule: take more steps, or have it watch a wider window",
            )


class Places(Protocol):
    """Options that say where something acts."""

    @property
    def blocks(self) -> tuple[int, int] | None:
        """First and last block, or None."""
        ...

    def named_levels(self) -> set[int]:
        """Every level that they name."""
        ...


def check_places(name: str, options: Places, addresses: Sequence[SiteAddress]) -> None:
    """Refuse levels and blocks that the model does not have.

    Args:
        name: whose options they are.
        options: that name some.
        addresses: all temporal self-attentions of the model.

    Raises:
        SpecError: one is not there; the path is relative to the options.
    """
    levels = _levels(addresses)
    if absent := options.named_levels().difference(levels):
        missing = min(absent)
        raise SpecError(
            f"{name}: the model has no temporal attention at level {missing}; it has {_list_levels(levels)}",
            hint="level 0 is the highest resolution that has temporal attention; choose levels that the model has",
            path=_naming(options, missing),
        )
    blocks, present = options.blocks, [address.index for address in addresses if address.index is not None]
    if blocks is not None and not present:
        raise SpecError(
            f"{name}: this model is not a stack of equal blocks, so its blocks have no numbers",
            hint="use levels instead",
            path=("blocks",),
        )
    if blocks is not None and blocks[1] > max(present):
        raise SpecError(
            f"{name}: the model has no block {blocks[1]}; it has blocks 0 to {max(present)}",
            hint="name the first and the last block to act at",
            path=("blocks",),
        )


def check_operations(name: str, site: Site, operations: Sequence[Operation]) -> None:
    """Refuse what has no meaning at a site, by whatever regularizer or guidance it is wanted.

    Args:
        name: whose they are.
        site: where.
        operations: what it wants there.

    Raises:
        SpecError: one has none.
    """
    if sum(isinstance(operation, Rotary) for operation in operations) > 1:
        raise SpecError(
            f"{name}: sets the rotary positions of {site.name} more than once",
            hint="use one Rotary that sets all angles",
        )


def _check_memory(regularizer: Regularizer) -> None:
    """Refuse half a memory, which would never be asked."""
    has = [name for name in ("watches", "begin") if callable(getattr(regularizer, name, None))]
    if len(has) == 1:
        raise PluginError(
            f"regularizer {name_of(regularizer)!r} has {has[0]}() alone",
            hint="a regularizer with memory needs both watches(site) and begin(sites, steps)",
        )


def _check_weights(regularizer: Regularizer, operations: Sequence[Operation]) -> None:
    """Refuse a strength that would take more of a map than there is, or turn logits round."""
    strength = regularizer.options.strength
    largest = max(strength.first, strength.to) if isinstance(strength, Course) else strength
    for share, what in map(_share, operations):
        if share * largest > 1.0 >= share:
            raise SpecError(
                f"{name_of(regularizer)}: at strength {largest:g} {what}",
                hint=f"set the strength to at most {1.0 / share:g}",
                path=("strength",),
            )


def _share(operation: Operation) -> tuple[float, str]:
    """How much an operation takes away at strength 1 of what there is no more of, and what a strength that takes more does."""
    if isinstance(operation, Mix):
        return operation.weight, f"its map of weight {operation.weight:g} would exceed 1"
    if isinstance(operation, Scale):
        given = [factor for one in (operation.q, operation.k) for factor in (one if isinstance(one, tuple) else (one,))]
        # What is no number is told when it is compiled.
        least = min((one for one in given if isinstance(one, int | float) and one >= 0.0), default=1.0)  # pyright: ignore[reportUnnecessaryIsInstance]
        return 1.0 - least, f"its scale of {least:g} would be negative, which turns the attention round"
    return 0.0, ""


def check_together(site: Site, acts: Sequence[Act], steps: int | None) -> None:
    """Refuse regularizers of which one would undo all that another does at a site.

    A `Mix` of weight 1 replaces the attention whole: what other regularizers do to its logits, or mixed in before, is lost. At a
    joint site it says how much goes to each frame, and scales and rotary positions still act on the attention inside frames.

    Args:
        site: where.
        acts: what is done there, in the order of the spec.
        steps: steps of the run; None when they are not known yet.

    Raises:
        SpecError: the path is ``("regularizers", index)`` of the one that would be lost.
    """
    turning = [act for act in acts if any(isinstance(operation, Rotary) for operation in act.operations)]
    for one, other in combinations(turning, 2):
        if _overlap(one.window, other.window, steps):
            raise SpecError(
                f"{other.regularizer}: gives {site.name} other rotary positions, and so does {one.regularizer}",
                hint="give them different levels, blocks or windows",
                path=("regularizers", other.index),
            )

    def meets(operation: Operation, replacing: Operation) -> bool:
        return any(acts_in(operation, prompted) and acts_in(replacing, prompted) for prompted in (True, False))

    surviving = Scale | Rotary | SegmentBias | Wrap if site.kind == "joint" else Wrap  # a wrap is outside
    for later, mixing in enumerate(acts):
        replacing = [one.operation for one in mixing.ingredients if one.replaces]
        for earlier, lost in enumerate(acts):
            kept = surviving if earlier < later else surviving | Mix  # a later mix is mixed in
            undone = [
                operation
                for operation in lost.operations
                if not isinstance(operation, kept) and any(meets(operation, one) for one in replacing)
            ]
            if earlier != later and undone and _overlap(lost.window, mixing.window, steps):
                raise SpecError(
                    f"{lost.regularizer}: has no effect where {mixing.regularizer} replaces all attention, as at {site.name}",
                    hint="give them different levels or windows, or a mix weight below 1",
                    path=("regularizers", lost.index),
                )


def check_guided(acts: Sequence[Act]) -> None:
    """Refuse what acts in branches of the negative prompt alone, where the guidance has none.

    Args:
        acts: what is done at a site, in a run without guidance.

    Raises:
        SpecError: the path is ``("regularizers", index)``.
    """
    for act in acts:
        if all(branches_of(operation) == "negative" for operation in act.operations):
            raise SpecError(
                f"{act.regularizer}: acts in the branch of the negative prompt, and at guidance 1 there is none",
                hint="raise the guidance scale, or remove it",
                path=("regularizers", act.index),
            )


def check_beside(site: Site, acts: Sequence[Act], regularizers: Sequence[Regularizer], steps: int | None) -> None:
    """Let regularizers refuse combinations that they do not support.

    Args:
        site: where.
        acts: what is done there, in the order of the spec.
        regularizers: all of the spec.
        steps: steps of the run; None when they are not known yet.

    Raises:
        SpecError: the path begins with ``("regularizers", index)`` of the one that refuses.
    """
    for act in acts:
        asked = regularizers[act.index]
        if not isinstance(asked, ParticularRegularizer):
            continue
        others = [other.index for other in acts if other is not act and _overlap(act.window, other.window, steps)]
        before = [regularizers[index] for index in others if index < act.index]
        after = [regularizers[index] for index in others if index > act.index]
        try:
            asked.beside(site, before, after)
        except SpecError as error:
            raise error.under("regularizers", act.index) from None


def _overlap(one: tuple[float, float], other: tuple[float, float], steps: int | None) -> bool:
    if steps is None:
        return max(one[0], other[0]) < min(one[1], other[1])
    return bool(set(steps_inside(one, steps)) & set(steps_inside(other, steps)))


def operations_at(regularizer: Regularizer, site: Site) -> tuple[Operation, ...]:
    """What a regularizer wants at a site; nothing in blocks that its options leave out.

    Raises:
        PluginError: its method failed, or gave something that is not an operation.
    """
    blocks = regularizer.options.blocks
    if blocks is not None and (site.index is None or not blocks[0] <= site.index <= blocks[1]):
        return ()
    return meant_at(site, _given(regularizer, site))


def meant_at(site: Site, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Without what cannot be said of a site: frames at a cross site, key states where nobody reads them, rotary positions where
    there are none.

    Args:
        site: where.
        operations: that somebody wants there.
    """
    return tuple(one for one in operations if _has_meaning(one, site))


def _has_meaning(operation: Operation, site: Site) -> bool:
    if isinstance(operation, SegmentBias):
        return site.reads
    return site.kind != "cross" and (site.rotary is not None or not isinstance(operation, Rotary))


def _given(regularizer: Regularizer, site: Site) -> tuple[Operation, ...]:
    """All that a regularizer gives for a site."""
    where = f"regularizer {name_of(regularizer)!r} at {site.name}"
    try:
        given = cast(tuple[Any, ...], tuple(regularizer.operations(site)))
    except VstarError:
        raise
    except Exception as error:
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    operations = tuple(operation for operation in given if isinstance(operation, Operation))
    if len(operations) < len(given):
        strange = next(type(one).__name__ for one in given if not isinstance(one, Operation))
        raise PluginError(f"{where} gave a {strange}, which is not an operation", hint=OPERATIONS)
    return operations


def watched_at(regularizer: Regularizer, site: Site) -> tuple[float, float] | None:
    """When a regularizer wants the attention maps of a site; None for never, and at cross sites, which have none over frames."""
    if site.kind == "cross":
        return None
    return regularizer.watches(site) if isinstance(regularizer, RememberingRegularizer) else None


def name_of(regularizer: Regularizer) -> str:
    """What people call a regularizer: the name that they used it by, else its class."""
    return getattr(regularizer.options, "use", type(regularizer).__name__)


def _levels(addresses: Sequence[SiteAddress]) -> list[int]:
    return sorted({address.level for address in addresses if address.block != "init"})


def _list_levels(levels: Sequence[int]) -> str:
    return f"level{'s' if len(levels) != 1 else ''} {', '.join(map(str, levels)) or 'none'}"


def _naming(options: Places, level: int) -> tuple[str, ...]:
    """The path of the first option that names a level."""
    fields: dict[str, Any] = getattr(type(options), "model_fields", {})
    for name in fields:
        value: Any = getattr(options, name)
        if (isinstance(value, dict) or name == "levels") and value and level in value:
            return (name,)
    return ()
