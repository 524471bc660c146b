"""What the functions of operations give, looked at before anything costs: a model that is loaded, a night of steps."""

from __future__ import annotations

from vstar_sdk.attention.plan import AttentionPlan
from vstar_sdk.attention.terms import Terms


def try_functions(plan: AttentionPlan, steps: int) -> None:
    """Call every function whose result does not depend on the attention: biases, scales, mixes, angles, biases of key states.

    Args:
        plan: of the run.
        steps: of the run.

    Raises:
        PluginError: one fails, or gives something of another shape than the operation asks for; the regularizer is named.
    """
    for planned in plan.sites:
        for stretch in planned.stretches(steps):
            Terms(planned.site, stretch.recipe).at({})
