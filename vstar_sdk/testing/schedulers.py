"""A check for schedulers: a few steps towards a smooth prediction, again, and interrupted after each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.schedulers import CONTRACT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.contract import SchedulerSource

CONFIG: Mapping[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
"""The scheduler configuration of Stable Diffusion."""


def check_scheduler(source: SchedulerSource, config: Mapping[str, Any] = CONFIG, *, steps: int = 5) -> None:
    """Take a few steps with a scheduler, as a run does.

    Args:
        source: what the part's factory returns.
        config: of a model that it is for.
        steps: how many are asked for.

    Raises:
        PluginError: a method fails, `make` gives no scheduler, or a step something else than latents of the same shape and type.
        SpecError: the configuration does not fit.
        SamplerError: it keeps something that cannot be written down, so that a run cannot be interrupted.
        AssertionError: the latents stop being finite, are others when it is asked again, or are others after an interruption.
    """
    import torch

    from vstar_sdk.sampling.scheduler_state import SchedulerState

    source = Call(Origin("the scheduler under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), source
    )

    def run(until: int | None = None, state: tuple[int, Tensor, SchedulerState, Tensor] | None = None) -> Any:
        scheduler: Any = source.make(config)
        from vstar_sdk.sampling.schedulers import step_arguments, timesteps_of

        generator = torch.Generator().manual_seed(1)
        extra = step_arguments(scheduler, 1.0 if source.takes_eta else 0.0, generator)
        timesteps = timesteps_of(scheduler, steps, "cpu")
        latents = torch.randn(1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
        first, latents = 0, latents * getattr(scheduler, "init_noise_sigma", 1.0)
        if state is not None:
            first, latents, memory, drawn = state
            memory.onto(scheduler, latents.device)
            generator.set_state(drawn)
        for step, timestep in enumerate(timesteps[first:until], first):
            scaled = scheduler.scale_model_input(latents, timestep) if hasattr(scheduler, "scale_model_input") else latents
            latents = scheduler.step(torch.tanh(scaled), timestep, latents, return_dict=False, **extra)[0]
            assert bool(latents.isfinite().all()), f"after step {step + 1} of {len(timesteps)} the latents are not finite"
        if until is None:
            return latents
        return until, latents, SchedulerState.of(scheduler), generator.get_state()

    whole = run()
    assert torch.equal(run(), whole), "asked again, it gave other latents: draw noise from the generator of the step alone"
    for stop in range(1, steps):
        gone_on = run(state=run(until=stop))
        assert torch.equal(gone_on, whole), f"interrupted after step {stop}, it went on to other latents: keep all in attributes"
