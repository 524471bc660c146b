"""A check for guidances: a few steps over random predictions, again, and interrupted after each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vstar_sdk.attention.moment import Moment
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.guidances import CONTRACT
from vstar_sdk.sampling.contract import RememberingGuidance, branches_at

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.contract import Guidance


def check_guidance(make: Callable[[], Guidance], *, scale: float = 7.5, steps: int = 4) -> None:
    """Guide a few steps, as a run does.

    Args:
        make: gives a new guidance at every call, as a part's factory does.
        scale: of the guidance.
        steps: of the schedule.

    Raises:
        PluginError: its branches are none, or it gives something else than a prediction.
        SamplerError: it remembers something that cannot be written down.
        AssertionError: it changes the predictions that it is given, gives others when it is asked again or after an interruption,
            or the scale changes nothing.
    """
    import torch

    from vstar_sdk.sampling.plain_values import taken

    def made() -> Any:
        return Call(Origin("the guidance under test"), "object").checked(
            lambda one, call: CONTRACT.contain(one, call.origin), make()
        )

    names = [branch.name for branch in made().branches]
    changed = any(branch.operations for branch in made().branches)
    generator = torch.Generator().manual_seed(0)
    given = [{name: torch.randn(1, 4, 3, 8, 8, generator=generator) for name in names} for _ in range(steps)]

    def _of(guidance: Any, scale: float, step: int) -> dict[str, Tensor]:
        return {branch.name: given[step][branch.name] for branch in branches_at(guidance, scale, step, steps)}

    def guide(guidance: Any, first: int = 0, scale: float = scale) -> list[Tensor]:
        guided: list[Tensor] = []
        for step in range(first, steps):
            predictions = _of(guidance, scale, step)
            before = {name: prediction.clone() for name, prediction in predictions.items()}
            guided.append(guidance.combine(predictions, scale, Moment(step, steps, 999.0 * (1 - step / steps))))
            same = all(torch.equal(predictions[name], prediction) for name, prediction in before.items())
            assert same, "it changes the predictions that it is given"
        return guided

    def begun(state: dict[str, Any] | None = None) -> Any:
        guidance = made()
        if isinstance(guidance, RememberingGuidance):
            guidance.begin() if state is None else guidance.resume(state)
        return guidance

    kept = begun()
    whole = guide(kept)
    if isinstance(kept, RememberingGuidance):
        kept.begin()
    for what, again in (("a new one", guide(begun())), ("it, when the schedule begins again,", guide(kept))):
        assert all(map(torch.equal, again, whole)), f"{what} gives other predictions"
    assert not all(map(torch.equal, guide(begun(), scale=scale + 1), whole)), "another scale gives the same predictions"
    if changed:  # its branches under the prompt are asked for at scale 1, too
        guide(begun(), scale=1.0)
    for stop in range(1, steps):
        guidance = begun()
        for step in range(stop):
            guidance.combine(_of(guidance, scale, step), scale, Moment(step, steps, 999.0 * (1 - step / steps)))
        state = taken(guidance.state(), "the guidance") if isinstance(guidance, RememberingGuidance) else None
        gone_on = guide(begun(state), stop)
        assert all(map(torch.equal, gone_on, whole[stop:])), (
            f"interrupted after step {stop}, it goes on to other predictions: give what it remembers by state() and resume()"
        )
