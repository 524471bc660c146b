"""Makes the plots of ``docs/tar.md`` and ``docs/regularizers.md``: ``python -m docs.plots``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from vstar_sdk import Site, SiteAddress, load_spec
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock

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


def statistics() -> None:
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


MAPS = {
    "the model alone": [],
    "tar": [{"use": "tar", "sigma": 2}],
    "tar, spread": [{"use": "tar", "sigma": 2, "stat": "spread"}],
    "window": [{"use": "window", "radius": 6}],
    "alibi": [{"use": "alibi", "slope": 0.25}],
    "temperature": [{"use": "temperature", "trained_frames": 8}],
    "identity, weight 0.3": [{"use": "identity", "weight": 0.3}],
    "uniform, weight 0.7": [{"use": "uniform", "weight": 0.7}],
    "tar and window": [{"use": "tar", "sigma": 2}, {"use": "window", "radius": 6}],
}
"""Regularizers as in a spec, by the title of their picture."""


def maps() -> None:
    """Write ``docs/images/regularizers.png``: one attention map, and what each regularizer makes of it."""
    torch.manual_seed(4)
    frames, site = 32, SiteAddress("attn", "down", 0, 1, 16)
    position = torch.arange(frames)[:, None] / frames
    waves = torch.cat([torch.cos(6.283 * position * k + k) for k in range(8)] + [torch.randn(frames, 8) * 0.5], dim=1)
    query, key = (2.0 * waves @ torch.randn(16, 16) / 4 for _ in range(2))
    figure, axes = plt.subplots(1, len(MAPS), figsize=(16, 2.3), layout="constrained")
    for axis, (title, regularizers) in zip(axes, MAPS.items(), strict=True):
        loaded = load_spec({"prompt": "a beach", "regularizers": regularizers})
        made = [loaded.catalog.make("regularizers", options) for options in loaded.spec.regularizers]
        plan = plan_attention([site], made, Clock(frames, 8.0))
        acts = plan.sites[0].acts if plan.sites else ()
        shown = compile_acts(Site.of(site, frames, 8.0), acts)(query[None, None], key[None, None], torch.eye(frames)[None, None])
        axis.imshow(shown[0, 0].sqrt(), cmap="magma", vmin=0.0, vmax=0.6)
        axis.set_title(title, fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(HERE / "images" / "regularizers.png", dpi=110, bbox_inches="tight")


def main() -> None:
    """Write all."""
    statistics()
    maps()


if __name__ == "__main__":
    main()
