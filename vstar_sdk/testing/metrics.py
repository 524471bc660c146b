"""A check for metrics: a clip, measured twice, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.metrics import CONTRACT
from vstar_sdk.testing.exporters import sample_clip, sample_frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.metrics.contract import Metric


def check_metric(make: Callable[[], Metric], *, clip: Footage | None = None) -> Mapping[str, float]:
    """Measure a clip of random frames as a run does, again with the same part, and with a new one.

    Args:
        make: gives a new metric at every call, as a part's factory does.
        clip: that it can measure; a small one without it.

    Returns:
        The numbers, for checks of your own.

    Raises:
        PluginError: a method fails, such as `add` that changes a frame; its numbers are not those that it names, or not finite.
        SpecError: it refuses the clip.
        AssertionError: it keeps the caller's array, is another each time, or measures a clip of one frame by
            anything else than a number or a `SpecError`.
    """
    import numpy as np

    clip = sample_clip(frames=8) if clip is None else clip
    frames = sample_frames(clip)
    part = _contained(make())
    first = _measure(part, clip, frames)
    again = _measure(part, clip, frames)
    assert again == first, f"begun again, it measures {again}, not {first}: forget everything in begin()"
    other = _measure(_contained(make()), clip, frames)
    assert other == first, f"another of its kind measures {other}, not {first}"
    reused = _measure(part, clip, frames, reuse=True)
    assert reused == first, "it keeps the caller's array: copy what must outlive the call"
    one = Footage(frames=1, width=clip.width, height=clip.height, fps=clip.fps, prompt=clip.prompt)
    try:
        part.begin(one)
        part.add(frames[0])
        assert all(np.isfinite(number) for number in part.result().values())
    except SpecError:
        return first
    return first


def _observe(metric: MapMetric, clip: Footage) -> None:
    """Show a metric maps of the sites that it watches, as a run does."""
    import torch

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.sites import Site, SiteAddress
    from vstar_sdk.clock import Clock

    generator = torch.Generator().manual_seed(0)
    sites = [
        Site.at(SiteAddress(f"blocks.{level}.attn", "down", level, 2, 8), Clock(clip.frames, clip.fps)) for level in range(2)
    ]
    windows = {site: metric.watches(site) for site in sites}
    assert windows == {site: metric.watches(site) for site in sites}, "asked again, it watches something else"
    for step in range(2):
        for site in sites:
            if (window := windows[site]) is not None and step in steps_inside(window, 2):
                attention = torch.randn(site.frames, site.frames, generator=generator).softmax(dim=1)
                metric.observe(site, Moment(step, 2), attention)


def _contained(metric: Metric) -> Metric:
    made: Metric = Call(Origin("the metric under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), metric
    )
    assert made.numbers
    return made


def _measure(metric: Metric, clip: Footage, frames: list[NDArray[np.uint8]], *, reuse: bool = False) -> Mapping[str, float]:
    metric.begin(clip)
    if isinstance(metric, MapMetric):
        _observe(metric, clip)
    canvas = frames[0].copy()
    for frame in frames:
        given = canvas if reuse else frame.copy()
        given[:] = frame
        metric.add(given)
    return metric.result()
