"""A check for samplers: a small denoising, again, interrupted after every step, and ended from within a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.samplers import CONTRACT
from vstar_sdk.testing.schedulers import CONFIG

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.denoising import Denoising
    from vstar_sdk.sampling.sampler import Sampler
    from vstar_sdk.sampling.state import SamplerState


class Stopped(Exception):
    """Ends a denoising from within a step; raised and caught by `check_sampler`."""


class _Swirl:
    """A denoiser of one line: what a sampler does with its predictions does not hang on the network."""

    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        import torch

        return torch.sin(latents.roll(1, -1) + timestep / 100) + text.mean((2, 3))[:, None, :, None, None]


def check_sampler(make: Callable[[], Sampler], *, scheduler: str = "ddim", steps: int = 4) -> Tensor:
    """Denoise with a sampler, as a run does.

    Args:
        make: gives a new sampler at every call, as a part's factory does.
        scheduler: by its short name.
        steps: of the schedule.

    Returns:
        The latents, for checks of your own.

    Raises:
        PluginError: it takes another number of steps than it announced, or gives something else than latents.
        SamplerError: it keeps something in its memory that cannot be written down.
        AssertionError: its latents are others when it is asked again or after an interruption, or it goes on when a step has
            ended the run.
    """
    import torch

    from vstar_sdk.sampling.sampler import denoise

    def sampler() -> Any:
        return Call(Origin("the sampler under test"), "object").checked(
            lambda one, call: CONTRACT.contain(one, call.origin), make()
        )

    def run(until: int | None = None, state: SamplerState | None = None) -> Any:
        denoising = sample_denoising(scheduler, steps, state=state)
        latents = denoise(sampler(), denoising, until=until)
        return denoising.state() if latents is None else latents

    with torch.no_grad():
        whole: Tensor = run()
        assert torch.equal(run(), whole), "asked again, it gave other latents: take fresh noise from denoising.draw() alone"
        for stop in range(sampler().steps(steps)):
            assert torch.equal(run(state=run(until=stop)), whole), (
                f"interrupted after step {stop}, it went on to other latents: keep what it needs in denoising.memory"
            )
        _check_end(sampler(), sample_denoising(scheduler, steps, on_step=_stop))
    return whole


def sample_denoising(scheduler: str = "ddim", steps: int = 4, **options: Any) -> Denoising:
    """A small denoising of 3 frames of noise, always the same.

    Args:
        scheduler: by its short name.
        steps: of the schedule.
        options: of `Denoising`.
    """
    import torch

    from vstar_sdk.options import GuidanceOptions
    from vstar_sdk.sampling.cfg import Cfg
    from vstar_sdk.sampling.denoising import Denoising
    from vstar_sdk.sampling.guided import Guided
    from vstar_sdk.sampling.noise import step_noise
    from vstar_sdk.sampling.schedulers import named

    source, draws, shape = named(scheduler), torch.Generator().manual_seed(7), (1, 4, 3, 8, 8)
    adapter: Any = _Swirl()
    guided = Guided(adapter, torch.ones(3, 2, 5), torch.zeros(2, 5), Cfg(GuidanceOptions()), 3.0, "one")
    return Denoising(
        guided,
        torch.randn(shape, generator=draws),
        source.make(CONFIG),
        steps,
        draw=lambda: torch.randn(shape, generator=draws),
        draws=draws,
        eta=1.0 if source.takes_eta else 0.0,
        generator=step_noise(7),
        **options,
    )


def _stop(step: int, steps: int, timestep: float, latents: Tensor) -> None:
    raise Stopped


def _check_end(sampler: Any, denoising: Denoising) -> None:
    from vstar_sdk.sampling.sampler import denoise

    try:
        denoise(sampler, denoising)
    except Stopped:
        assert denoising.done == 1, f"the run was ended in step 1, and it took {denoising.done} steps"
    else:
        raise AssertionError("a step ended the run, and it gave latents all the same")
