"""What the functions of operations give, looked at before anything costs: a model that is loaded, a night of steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vstar_sdk.attention.operations import Logits
from vstar_sdk.attention.plan import AttentionPlan, SitePlan
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.telling import told
from vstar_sdk.attention.terms import Terms, changes_nothing
from vstar_sdk.errors import SpecError


def try_functions(plan: AttentionPlan, steps: int) -> None:
    """Call every function whose result does not depend on the attention: biases, scales, mixes, angles, biases of key states.

    Args:
        plan: of the run.
        steps: of the run.

    Raises:
        PluginError: one fails, or gives something of another shape than the operation asks for; the regularizer is named.
        SpecError: see `check_effects`.
    """
    check_effects(plan)
    for planned in _as_if_told(plan).sites:
        for stretch in planned.stretches(steps):
            for recipe in stretch.recipes.values():
                Terms(planned.site, recipe).at({})


def check_effects(plan: AttentionPlan) -> None:
    """Refuse a regularizer whose operations say nothing to a softmax at any site, such as a bias that is one constant.

    At strength 0 it may be so: that is the plain run. So is a branch of a guidance refused that would be like another.

    Args:
        plan: of the run, or of a call.

    Raises:
        SpecError: the path is ``("regularizers", index)``, or ``("sampling", "guidance")``.
        PluginError: see `Terms`.
    """
    acts: dict[int, list[tuple[SitePlan, Act]]] = {}
    for planned in plan.sites:
        for act in planned.acts:
            acts.setdefault(act.index, []).append((planned, act))
    for index, places in acts.items():
        if plan.frames > 1 and places[0][1].constant != 0.0 and _idle(places):
            raise SpecError(
                f"{places[0][1].regularizer}: its operations change nothing at any of {len(places)} sites: what they add is the "
                "same for all frames",
                hint="change its options so that frames differ, set strength: 0, or remove it",
                path=("regularizers", index),
            )

    changed: dict[str, list[tuple[SitePlan, Act | None]]] = {}
    for planned in plan.sites:
        for branch in planned.branches:
            changed.setdefault(f"{branch.guidance}: its branch {branch.branch}", []).append((planned, branch.act))
    for named, wanted in changed.items():
        asked = [(planned, act) for planned, act in wanted if act is not None]
        if plan.frames > 1 and len(asked) == len(wanted) and _idle(asked):  # what is left out is something
            raise SpecError(
                f"{named} changes nothing at any of {len(asked)} sites: what it adds is the same for all frames",
                hint="change its options so that frames differ, or use cfg",
                path=("sampling", "guidance"),
            )


def _idle(places: Sequence[tuple[SitePlan, Act]]) -> bool:
    """Whether no operation of a regularizer is known to change anything; those that its options turn off do not count."""
    live = [(planned, one) for planned, act in places for one in act.ingredients if not one.does_nothing]
    return bool(live) and all(
        # The functions of changes see logits as they are, moved by a constant too.
        not any(isinstance(other, Logits) for act in planned.acts for other in act.operations)
        and changes_nothing(one, planned.site)
        for planned, one in live
    )


def _as_if_told(plan: AttentionPlan) -> AttentionPlan:
    """The plan; where the text is not known yet, with two key states that rule half of the clip each."""
    if not any(planned.site.reads and not planned.site.segments for planned in plan.sites):
        return plan
    half, frames = plan.clock.frames // 2, plan.clock.frames
    return told(plan, torch.zeros(plan.frames, 2), 1, [(0, max(0, half - 1)), (half, frames - 1)])
