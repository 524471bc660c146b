"""Combinations that several methods refuse."""

from __future__ import annotations

from collections.abc import Iterable

from vstar_sdk import Mix, Regularizer, RegularizerOptions, Site, SpecError

APART = "give the two different levels or windows, or remove one"


def name_of(options: RegularizerOptions) -> str:
    """The ``use`` of a regularizer; "" where it was made without a spec."""
    return getattr(options, "use", "")


def refuse_maps(method: str, site: Site, others: Iterable[Regularizer]) -> None:
    """Refuse maps over all frames together with a method that attends to parts of them.

    Raises:
        SpecError: another one has a `Mix` at the site.
    """
    for other in others:
        if any(isinstance(operation, Mix) for operation in other.operations(site)):
            raise SpecError(
                f"{method}: attends to parts of the clip, but the map of {name_of(other.options)} covers all of its frames",
                hint=APART,
            )


def refuse_windows(method: str, why: str, others: Iterable[Regularizer]) -> None:
    """Refuse what hides far frames from each other.

    Args:
        method: that refuses.
        why: it needs them.
        others: next to it.

    Raises:
        SpecError: ``window`` is among them.
    """
    for other in others:
        if name_of(other.options) == "window":
            raise SpecError(f"{method}: window hides frames from each other {why}", hint=APART)


def refuse_another(method: str, own: RegularizerOptions, others: Iterable[Regularizer]) -> None:
    """Refuse a method inside of itself, where it would see parts of the clip.

    Raises:
        SpecError: another one is of the same method.
    """
    if any(isinstance(other.options, type(own)) for other in others):
        raise SpecError(f"{method}: is used twice, one inside the other", hint=APART)
