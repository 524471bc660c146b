"""The scheduler classes that have short names: those of diffusers, and what model families add. No torch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Known:
    """A class with a short name.

    Attributes:
        kind: the class's name.
        summary: one line.
        settings: what is set in addition to the model's configuration.
        eta: whether its steps take eta.
        ours: ``"module:Class"`` in its place, where diffusers has none of that name, or one with a flaw or with steps of its own.
    """

    kind: str
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    eta: bool = False
    ours: str | None = None


_PLUS, _KARRAS, _SDE = (
    {"algorithm_type": "dpmsolver++"},
    {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
    {"algorithm_type": "sde-dpmsolver++"},
)

_DDIM = "vstar_sdk.models.diffusers.ddim:ClampedDDIMScheduler"

DIFFUSERS: Mapping[str, Known] = {
    "ddim": Known("DDIMScheduler", "DDIM: deterministic, or as noisy as eta says.", eta=True, ours=_DDIM),
    "ddpm": Known("DDPMScheduler", "DDPM: fresh noise in every step."),
    "dpm++": Known("DPMSolverMultistepScheduler", "DPM-Solver++ of second order: few steps.", _PLUS),
    "dpm++-karras": Known("DPMSolverMultistepScheduler", "DPM-Solver++ with the noise levels of Karras et al.", _KARRAS),
    "dpm++-sde": Known("DPMSolverMultistepScheduler", "DPM-Solver++ with fresh noise in every step.", _SDE),
    "euler": Known("EulerDiscreteScheduler", "Euler's method."),
    "euler-ancestral": Known("EulerAncestralDiscreteScheduler", "Euler's method with fresh noise in every step."),
    "flow-euler": Known("FlowMatchEulerDiscreteScheduler", "Euler's method for models trained by flow matching."),
    "heun": Known("HeunDiscreteScheduler", "Heun's method: two evaluations for a step."),
    "lcm": Known("LCMScheduler", "For models distilled to latent consistency: 4 to 8 steps."),
    "tcd": Known("TCDScheduler", "For models distilled to trajectory consistency: 4 to 8 steps.", eta=True),
    "unipc": Known("UniPCMultistepScheduler", "UniPC: few steps; for flow matching too."),
}
"""For models of any family."""

KNOWN: dict[str, Known] = dict(DIFFUSERS)
"""All that are known, those included that families have offered (`vstar_sdk.models.diffusers.scheduler_source.offer`)."""

SHIFT = {"base_image_seq_len": 256, "max_image_seq_len": 4096, "base_shift": 0.5, "max_shift": 1.15}
"""How far a schedule is moved, by the size of the clip; with the values that are meant where a configuration has none."""


def is_flow(kind: type[Any]) -> bool:
    """Whether a scheduler knows flow matching alone, so that no option says it."""
    return kind.__name__.startswith("FlowMatch")


def step_parameters(kind: type[Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a scheduler class's step."""
    return inspect.signature(kind.step).parameters
