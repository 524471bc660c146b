"""What the functions of operations give, looked at before anything costs: a model that is loaded, a night of steps."""

from __future__ import annotations

import torch

from vstar_sdk.attention.plan import AttentionPlan
from vstar_sdk.attention.telling import told
from vstar_sdk.attention.terms import Terms


def try_functions(plan: AttentionPlan, steps: int) -> None:
    """Call every function whose result does not depend on the attention: biases, scales, mixes, angles, biases of key states.

    Args:
        plan: of the run.
        steps: of the run.

    Raises:
        PluginError: one fails, or gives something of another shape than the operation asks for; the regularizer is named.
    """
    for planned in _as_if_told(plan).sites:
        for stretch in planned.stretches(steps):
            Terms(planned.site, stretch.recipe).at({})


def _as_if_told(plan: AttentionPlan) -> AttentionPlan:
    """The plan; where the text is not known yet, with two key states that rule half of the clip each."""
    if not any(planned.site.reads and not planned.site.segments for planned in plan.sites):
        return plan
    half, frames = plan.clock.frames // 2, plan.clock.frames
    return told(plan, torch.zeros(plan.frames, 2), 1, [(0, max(0, half - 1)), (half, frames - 1)])
