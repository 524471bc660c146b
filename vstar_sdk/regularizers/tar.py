"""Temporal attention regularization (TAR), the regularizer of VSTAR (Li et al., ICLR 2025, arXiv 2403.13501).

For one temporal attention over ``F`` frames, with scaled logits ``A = Q K^T / sqrt(d)``::

    G_ij  = exp(-(i - j)**2 / (2 sigma**2))
    m_i   = max_j A_ij
    A'_ij = A_ij + strength * m_i * G_ij

so that near frames attend to each other more than far ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from vstar_sdk.attention.operations import Bias
from vstar_sdk.clock import Clock
from vstar_sdk.options import RegularizerOptions, Strength, Widths, Window
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.sites import Site


JOINT_DEFAULTS = {"stat": "spread", "strength": 0.5}
"""Of `TarOptions` on joint models. A row there is tens of thousands of logits instead of tens, so that its largest one lies about
twice as far above the mean: half the strength makes a band of the same height. And the offset of the row, which ``max`` adds to
that, means no more than it does elsewhere."""


class TarOptions(RegularizerOptions):
    """Options of `Tar`. The default sigma is the milder of the two one-level presets that the method calls good."""

    sigma: Widths = Field(default={0: 4})
    """Width of the band for each level: frames (`4`), seconds (`"0.5s"`) or a share of the clip (`"12.5%"`); smaller is stronger.
    A single width means level 0, the highest resolution. For long clips add level 1: `{0: 1, 1: 8}`."""
    strength: Strength = 1.0
    """How much of the band is added: a number, or a course over the window (`{from: 1.0, to: 0.2}`, with `ease: linear` or
    `smooth`); 0 is the plain model. Left out on a model whose tokens all attend to each other: 0.5."""
    stat: Literal["max", "spread", "mean", "constant"] = "max"
    """What the band is scaled by: `max`, the row's largest logit (the paper's form, which weakens the band's middle where all
    logits of a row are negative); `spread`, the row's largest less its mean (never negative, whatever the logits' offset);
    `mean`, the row's mean; or `constant`, the same for all rows: `strength` alone. The last two are for comparison.
    Left out on a model whose tokens all attend to each other: `spread`."""
    window: Window = (0.0, 0.56)
    """First and last moment of the schedule, as fractions: of S steps, step i is inside when round(start S) <= i < round(end S).
    The default is the paper's: 14 of 25 steps."""

    def for_joint(self) -> Self:
        """With the defaults of `JOINT_DEFAULTS`."""
        return self.model_copy(update={key: value for key, value in JOINT_DEFAULTS.items() if key not in self.model_fields_set})


class Tar:
    """Adds a Gaussian band, scaled row by row, to the logits of the levels that its options name; never in block ``init``."""

    def __init__(self, options: TarOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> tuple[Bias, ...]:
        """One `Bias`, at sites whose level has a sigma."""
        written = self.options.sigma.get(site.level)
        if written is None or site.block == "init":
            return ()
        sigma = site.duration(written)
        stat = "none" if self.options.stat == "constant" else self.options.stat
        return (Bias(lambda distance: _gaussian(distance, sigma), stat=stat),)


def gaussian_band(frames: int, sigma: float) -> Tensor:
    """Toeplitz band ``G[i, j] = exp(-(i - j)**2 / (2 sigma**2))`` (VSTAR, temporal attention regularization).

    Args:
        frames: number of frames ``F``.
        sigma: standard deviation, in frames; larger is weaker.

    Returns:
        Tensor of shape ``(F, F)``, float64, ones on the diagonal.

    Raises:
        ValueError: ``sigma`` is not positive.
    """
    from vstar_sdk.attention.terms import frame_distance  # torch, which a spec with this regularizer does not need

    if not sigma > 0:
        raise ValueError(f"sigma {sigma!r}: the width of a band must be above 0")
    return _gaussian(frame_distance(Clock(frames, 1.0)), sigma)


def _gaussian(distance: Tensor, sigma: float) -> Tensor:
    return (distance.square() / (-2.0 * sigma * sigma)).exp()


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``tar``."""
    register(
        "tar",
        options=TarOptions,
        factory=Tar,
        summary="The paper's Gaussian band: near frames attend to each other more.",
    )
