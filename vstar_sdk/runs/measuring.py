"""The metrics of a run. No torch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vstar_sdk.attention.moment import Moment, steps_inside
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.runs.instruments import Instrument, metrics_of
from vstar_sdk.spec.loading import LoadedSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.attention.recording import Recording


def check_metrics(loaded: LoadedSpec, clip: Footage, sites: Sequence[Site], steps: int) -> None:
    """Refuse what cannot be measured, before anything is made.

    Args:
        loaded: the spec.
        clip: the finished one.
        sites: of the model, for the clip.
        steps: of the run.

    Raises:
        SpecError: the clip is too short for a metric, say, or two measure the same, or one asks for attention maps that there are
            not; with its path in the spec.
    """
    metrics = metrics_of(loaded)
    Measuring(metrics, clip)
    for one in metrics:
        check_maps(one, sites, steps)


def check_maps(one: Instrument, sites: Sequence[Site], steps: int) -> None:
    """Refuse a metric that measures attention maps where there are none for it.

    Args:
        one: of a run.
        sites: of the model, for the clip.
        steps: of the run.

    Raises:
        SpecError: it watches none; with its path in the spec.
    """
    if isinstance(one.metric, MapMetric):
        with _placed(one):
            if not any(watched_steps(one.metric, site, steps) for site in sites):
                raise SpecError(
                    f"{one.use} measures attention maps of none of the model's {len(sites)} attentions in {steps} steps",
                    hint="widen its window, name other levels, or take more steps",
                )


def watched_steps(metric: MapMetric, site: Site, steps: int) -> range:
    """The steps in which a metric wants the maps of a site.

    Args:
        metric: that measures maps.
        site: where.
        steps: of the schedule.
    """
    window = metric.watches(site) if site.kind != "cross" else None
    return steps_inside(window, steps) if window is not None else range(0)


class Measuring:
    """Several metrics that watch the same frames.

    Args:
        metrics: made for this clip.
        clip: what they will see.

    Raises:
        SpecError: it cannot be measured; with its path in the spec.
    """

    def __init__(self, metrics: Iterable[Instrument], clip: Footage) -> None:
        self._metrics = tuple(metrics)
        for one in self._metrics:
            with _placed(one):
                one.metric.begin(clip)

    def observe(self, recording: Recording, steps: int) -> None:
        """Tell the metrics that asked for attention maps what was recorded, before the first frame.

        Args:
            recording: of the run.
            steps: steps of its schedule.

        Raises:
            SpecError: a metric cannot measure them; with its path in the spec.
        """
        for site, step, attention in recording.seen():
            for one in self._metrics:
                with _placed(one):
                    if isinstance(one.metric, MapMetric) and step in watched_steps(one.metric, site, steps):
                        one.metric.observe(site, Moment(step, steps), attention.clone())

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Show the next frame to every metric.

        Args:
            frame: ``(height, width, 3)``, RGB.

        Raises:
            SpecError: a metric cannot measure it; with its path in the spec.
        """
        for one in self._metrics:
            with _placed(one):
                one.metric.add(frame)

    def results(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """The name of each metric, as in ``use``, and its numbers, once all frames were added.

        Raises:
            SpecError: a metric cannot measure what it saw; with its path in the spec.
        """
        for one in self._metrics:
            with _placed(one):
                came = one.metric.result()
                yield one.use, {name: came[number] for name, number in zip(one.names, one.metric.numbers, strict=True)}


@contextmanager
def _placed(one: Instrument) -> Generator[None]:
    """Says what in the spec asks for a metric that refuses."""
    try:
        yield
    except SpecError as error:
        raise error.under(*one.path) from None
