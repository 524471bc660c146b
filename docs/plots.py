"""Makes the plot of ``docs/tar.md``: what the two statistics do to one row of attention. ``python -m docs.plots``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

HERE = Path(__file__).parent
FRAMES, ROW, SIGMA = 33, 16, 4.0


def attention(row: Tensor, stat: str) -> Tensor:
    """The probabilities of one row, ``softmax(a + s G)``, written out as in the paper.

    Args:
        row: logits of shape ``(frames,)``.
        stat: ``none``, ``max`` or ``spread``.
    """
    distance = torch.arange(FRAMES) - ROW
    band = torch.exp(-distance.square() / (2 * SIGMA**2))
    factor = {"none": torch.tensor(0.0), "max": row.max(), "spread": row.max() - row.mean()}[stat]
    return (row + factor * band).softmax(0)


def main() -> None:
    """Write ``docs/images/tar-statistics.png``."""
    torch.manual_seed(1)
    shape = torch.randn(FRAMES) * 0.6
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), sharey=True, layout="constrained")
    for axis, top in zip(axes, (2.0, 0.2, -2.0), strict=True):
        row = shape - shape.max() + top
        for stat, colour, width in (("none", "0.65", 3.5), ("max", "#c0504d", 1.8), ("spread", "#2f6fb0", 1.8)):
            label = {"none": "no regularizer", "max": "stat: max (the paper's)", "spread": "stat: spread"}[stat]
            axis.plot(attention(row, stat), color=colour, linewidth=width, label=label)
        axis.set_title(f"largest logit of the row: {top:+.1f}", fontsize=11)
        axis.set_xlabel("frame j")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(f"attention of frame {ROW} to frame j")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(HERE / "images" / "tar-statistics.png", dpi=110)


if __name__ == "__main__":
    main()
