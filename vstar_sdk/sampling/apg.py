"""``apg`` and ``apg-mix``: adaptive projected guidance, by the formulas of diffusers. No torch until it guides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from vstar_sdk.options import Fraction, GuidanceOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.sampling.contract import NEGATIVE, PROMPT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment

_OF_A_FRAME = (1, 3, 4)
"""The dimensions of latents, ``(1, channels, frames, height, width)``, that make up one frame."""


class ApgOptions(GuidanceOptions):
    """Adaptive projected guidance: high scales without oversaturated colours."""

    parallel: float = Field(default=0.0, ge=0, le=1)
    """Share of the part along the prediction for the prompt that is kept: 0 the paper's, 1 that of plain guidance."""
    threshold: float = Field(default=15.0, ge=0, le=1e6)
    """The longest that the update of a frame may be; 0 sets no limit."""
    momentum: float = Field(default=-0.5, gt=-1, lt=1)
    """Share of the earlier updates in this one; negative moves away from them, 0 is none."""


class ApgMixOptions(ApgOptions):
    """Plain guidance at first, then adaptive projected guidance at a higher scale. The numbers are those of HunyuanImage 2.1."""

    after: Fraction = 0.12
    """Where the second begins, as a fraction of the schedule: step i is of the first if i < round(after S)."""
    projected: float = Field(default=10.0, ge=1, le=100)
    """Scale of the adaptive projected guidance; `scale` is that of the plain one."""
    threshold: float = Field(default=10.0, ge=0, le=1e6)
    """The longest that the update of a frame may be; 0 sets no limit."""


class Apg:
    """A `vstar_sdk.Guidance`: adaptive projected guidance (Sadat et al., 2024, arXiv 2410.02416), for each frame by itself.

    With ``d_i = e_prompt - e_negative + momentum d_(i-1)``, shortened to ``threshold``, and its parts along ``e_prompt`` and
    across::

        e = e_negative + scale (d_across + parallel d_along)

    The paper has it for the predicted clean sample; here, as in diffusers, it acts on the prediction as the model makes it.
    """

    branches = (NEGATIVE, PROMPT)

    def __init__(self, options: ApgOptions) -> None:
        self.options = options
        self._running: Tensor | None = None

    def begin(self) -> None:
        """Forget the earlier updates."""
        self._running = None

    def state(self) -> Mapping[str, Any]:
        """The earlier updates."""
        return {"running": self._running}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from earlier updates."""
        self._running = state["running"]

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance

        options = self.options
        buffer: Any = MomentumBuffer(options.momentum)
        if self._running is not None:
            buffer.running_average = self._running
        guided: Tensor = cast(Any, normalized_guidance)(
            predictions["prompt"],
            predictions["negative"],
            scale,
            buffer if options.momentum else None,
            eta=options.parallel,
            norm_threshold=options.threshold,
            norm_dim=_OF_A_FRAME,
        )
        if options.momentum:
            self._running = buffer.running_average
        return guided


class ApgMix(Apg):
    """A `vstar_sdk.Guidance`: classifier-free guidance up to a step, then `Apg` at a scale of its own, as in HunyuanImage 2.1.

    The first steps count for the momentum of the others.
    """

    def __init__(self, options: ApgMixOptions) -> None:
        super().__init__(options)
        self._mix = options

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """See `vstar_sdk.Guidance.combine`."""
        if moment.step >= round(self._mix.after * moment.steps):
            return super().combine(predictions, self._mix.projected, moment)
        update = predictions["prompt"] - predictions["negative"]
        if self._mix.momentum:
            self._running = update if self._running is None else update + self._mix.momentum * self._running
        return predictions["negative"] + scale * update


@hookimpl
def register_guidances(register: Register) -> None:
    """Offer the guidance."""
    register("apg", options=ApgOptions, factory=Apg, summary="Adaptive projected guidance: high scales without oversaturation.")
    register("apg-mix", options=ApgMixOptions, factory=ApgMix, summary="Plain guidance, then adaptive projected guidance.")
