"""Branches of a guidance whose attention is changed, as a plan has them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from vstar_sdk.attention.check import Places, check_operations, check_places, meant_at
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.operations import OPERATIONS, Operation, Skip, branches_of
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError, VstarError

SiteOperations = Callable[[Site], Sequence[Operation | Skip]]
"""What is changed at a site, for one branch alone; nothing at most sites."""


@dataclass(frozen=True)
class ChangedBranch:
    """A branch of a guidance whose attention is changed.

    Attributes:
        guidance: its name.
        branch: the branch's name.
        window: when it is predicted, as fractions of the schedule.
        operations: asked of every site.
        places: what the guidance's options say of levels and blocks; None for nothing.
    """

    guidance: str
    branch: str
    window: tuple[float, float]
    operations: SiteOperations
    places: Places | None = None


@dataclass(frozen=True)
class BranchPlan:
    """What is done at one site in one branch, beside what the regularizers do in all.

    Attributes:
        branch: its name.
        guidance: whose it is.
        window: when, as fractions of the schedule.
        act: operations that come after those of the regularizers; None where there are none.
        skip: what is left out; None for nothing.
    """

    branch: str
    guidance: str
    window: tuple[float, float]
    act: Act | None
    skip: Skip | None

    def words(self, steps: int, span: Callable[[range], str], site: Site) -> str:
        """``without scores in the branch perturbed (pag) in steps 0-3``."""
        inside = span(steps_inside(self.window, steps))
        if self.skip is not None:
            what = f"without {self.skip.what}"
        else:
            what = lower([self.act] if self.act is not None else [], site.kind, fused=site.fused).words
        return f"{what} in the branch {self.branch} ({self.guidance}) in {inside}"


def plan_branches(changed: Sequence[ChangedBranch], site: Site) -> tuple[BranchPlan, ...]:
    """What the branches of a guidance change at a site.

    Raises:
        SpecError: an operation has no meaning there.
        PluginError: a branch's function failed, or gave something that is no operation.
    """
    plans = (_planned(one, site) for one in changed)
    return tuple(plan for plan in plans if plan is not None)


def check_branches(changed: Sequence[ChangedBranch], addresses: Sequence[SiteAddress], clock: Clock, steps: int | None) -> None:
    """Refuse a branch that would be predicted and be like another.

    Raises:
        SpecError: it changes nothing at any site, names a level or block that is not there, or its window holds no step.
    """
    for one in changed:
        if one.places is not None:
            check_places(one.guidance, one.places, addresses)
        if not any(_planned(one, Site.at(address, clock)) for address in addresses):
            raise SpecError(
                f"{one.guidance}: its branch {one.branch} changes none of the model's {len(addresses)} attentions",
                hint="widen its options until it touches something, or use cfg",
            )
        start, end = one.window
        if steps is not None and not steps_inside(one.window, steps):
            raise SpecError(
                f"{one.guidance}: the window [{start:g}, {end:g}] of its branch {one.branch} holds none of {steps} steps",
                hint=f"one step is {1 / steps:.3g} of this schedule: widen the window, or take more steps",
            )


def _planned(one: ChangedBranch, site: Site) -> BranchPlan | None:
    where = f"guidance {one.guidance!r}: its branch {one.branch} at {site.name}"
    try:
        given = cast(tuple[Any, ...], tuple(one.operations(site)))
    except VstarError:
        raise
    except Exception as error:
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    skips = [operation for operation in given if isinstance(operation, Skip)]
    operations = [operation for operation in given if isinstance(operation, Operation)]
    if len(skips) + len(operations) < len(given):
        strange = next(type(one).__name__ for one in given if not isinstance(one, Operation | Skip))
        raise PluginError(f"{where} gave a {strange}, which is no operation", hint=f"{OPERATIONS}, and Skip")
    if len(skips) > 1 or (skips and operations):
        raise PluginError(
            f"{where} has a Skip beside something else", hint="what is left out cannot be changed: give the Skip alone"
        )
    if any(branches_of(operation) != "all" for operation in operations):
        raise PluginError(
            f"{where} has an operation for some branches", hint="what a branch asks for is done in it alone: leave branches out"
        )
    operations = meant_at(site, operations)
    if not skips and not operations:
        return None
    check_operations(one.guidance, site, operations)
    act = Act(one.guidance, one.window, operations, index=-1) if operations else None
    return BranchPlan(one.branch, one.guidance, one.window, act, skips[0] if skips else None)
