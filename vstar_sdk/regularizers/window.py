"""``window``: every frame attends only to frames near it (a sliding window; the local attention of FreeLong, NeurIPS 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from vstar_sdk.attention.operations import Bias
from vstar_sdk.options import Course, RegularizerOptions, Widths
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import Site


class WindowOptions(RegularizerOptions):
    """Options of `Window`."""

    radius: Widths = Field(default={0: 8})
    """How far a frame sees on either side, for each level: frames (`8`), seconds (`"1s"`) or a share of the clip (`"12.5%"`).
    A single one means level 0, the highest resolution."""

    @field_validator("strength")
    @classmethod
    def _whole(cls, strength: float | Course) -> float | Course:
        if strength not in (0.0, 1.0):
            raise ValueError("a hidden frame is hidden at any strength: write 0 (off) or 1, and limit it with `window`")
        return strength


class Window:
    """Hides the frames with ``|i - j| > radius``: their logits become ``-inf``."""

    def __init__(self, options: WindowOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> tuple[Bias, ...]:
        """One `Bias` without a statistic, at sites whose level has a radius within the clip; never in block ``init``."""
        written = self.options.radius.get(site.level)
        if written is None or site.block == "init":
            return ()
        radius = site.duration(written)
        if radius >= site.clock.positions[-1] - site.clock.positions[0]:  # nothing is farther than that
            return ()
        return (Bias(lambda distance: (0.0 * distance).masked_fill(distance.abs() > radius, float("-inf"))),)


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``window``."""
    register(
        "window",
        options=WindowOptions,
        factory=Window,
        summary="Every frame attends to near frames only.",
    )
