"""The parts that denoise: the spec's, and the model's own where the spec is silent. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vstar_sdk.attention.branches import ChangedBranch
from vstar_sdk.errors import SpecError
from vstar_sdk.models.facts import Facts
from vstar_sdk.options import Options, PlacedGuidanceOptions
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.sampling.contract import Guidance, Noise, SchedulerSource
from vstar_sdk.spec.loading import LoadedSpec

if TYPE_CHECKING:
    from vstar_sdk.sampling.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts that denoise.

    Attributes:
        noise: draws the noise.
        scheduler: makes the scheduler for the model.
        scheduler_name: what a spec calls it.
        guidance: combines the branches.
        guidance_name: what a spec calls it.
        scale: of the guidance.
        sampler: takes the steps.
        sampler_name: what a spec calls it.
    """

    noise: Noise
    scheduler: SchedulerSource
    scheduler_name: str
    guidance: Guidance
    guidance_name: str
    scale: float
    sampler: Sampler
    sampler_name: str

    @property
    def branches(self) -> int:
        """Predictions for a step, the most."""
        there = [branch for branch in self.guidance.branches if self.scale != 1.0 or branch.text == "prompt"]
        return len(there) if self.scale != 1.0 or any(branch.operations for branch in there) else 1

    @property
    def changed(self) -> tuple[ChangedBranch, ...]:
        """The branches of the guidance whose attention is changed."""
        options = self.guidance.options
        start, stop = options.start, options.stop
        return tuple(
            ChangedBranch(
                self.guidance_name,
                branch.name,
                (max(start, branch.window[0]), min(stop, branch.window[1])),
                branch.operations,
                options if isinstance(options, PlacedGuidanceOptions) else None,
            )
            for branch in self.guidance.branches
            if branch.operations is not None
        )


def engine_of(loaded: LoadedSpec, facts: Facts) -> Engine:
    """Make the parts that denoise; a run makes its own, since they may remember.

    Args:
        loaded: the spec.
        facts: of the model, which has defaults of its own.

    Raises:
        SpecError: the model's default names no part, or an option cannot be used; with its path in the spec.
        PluginError: a part is broken.
    """
    catalog, sampling = loaded.catalog, loaded.spec.sampling

    def made(kind: str, value: Options | str | float) -> tuple[Any, str]:
        try:
            part, options = catalog.chosen(kind, value)
        except SpecError as error:
            raise error.under(*KINDS[kind].path) from None
        name = getattr(options, "name", part.name) if part.name == "diffusers" else part.name
        return catalog.make(kind, value), name

    noise, _ = made("noises", sampling.noise or "gaussian")
    scheduler, scheduler_name = made("schedulers", facts.scheduler if sampling.scheduler is None else sampling.scheduler)
    guidance, guidance_name = made("guidances", "cfg" if sampling.guidance is None else sampling.guidance)
    sampler, sampler_name = made("samplers", sampling.sampler or "single")
    scale: float | None = guidance.options.scale
    return Engine(
        noise=noise,
        scheduler=scheduler,
        scheduler_name=scheduler_name,
        guidance=guidance,
        guidance_name=guidance_name,
        scale=facts.guidance if scale is None else scale,
        sampler=sampler,
        sampler_name=sampler_name,
    )
