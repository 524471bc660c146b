"""The metrics of a run. No torch."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vstar_sdk.attention.moment import Moment, steps_inside
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import MapMetric, Metric
from vstar_sdk.spec.loading import LoadedSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.attention.recording import Recording


def metrics_of(loaded: LoadedSpec) -> list[tuple[str, Metric]]:
    """Names, as in ``use``, and new metrics."""
    return [
        (options.part, loaded.catalog.make("metrics", options, path=("metrics", index)))
        for index, options in enumerate(loaded.spec.metrics)
    ]


def names_of(metrics: Sequence[tuple[str, Metric]]) -> list[tuple[str, ...]]:
    """What the numbers of each metric are called: those of a plugin's metric begin with its namespace, as its name does.

    Raises:
        SpecError: two metrics measure the same; its path is that of the second.
    """
    owners: dict[str, str] = {}
    named: list[tuple[str, ...]] = []
    for index, (use, metric) in enumerate(metrics):
        namespace, slash, _ = use.rpartition("/")
        names = tuple(f"{namespace}{slash}{number}" for number in metric.numbers)
        for name in names:
            if name in owners:
                raise SpecError(
                    f"{use} measures {name}, which {owners[name]} already measures",
                    hint="remove one of them",
                    path=("metrics", index),
                )
        owners |= dict.fromkeys(names, use)
        named.append(names)
    return named


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
    for place, (use, metric) in enumerate(metrics):
        if isinstance(metric, MapMetric):
            with _placed(place):
                if not any(watched_steps(metric, site, steps) for site in sites):
                    raise SpecError(
                        f"{use} measures attention maps of none of the model's {len(sites)} attentions in {steps} steps",
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
        metrics: names, as in ``use``, and metrics.
        clip: what they will see.

    Raises:
        SpecError: it cannot be measured; with its path in the spec.
    """

    def __init__(self, metrics: Sequence[tuple[str, Metric]], clip: Footage) -> None:
        self._metrics, self._names = tuple(metrics), names_of(metrics)
        for place, (_, metric) in enumerate(self._metrics):
            with _placed(place):
                metric.begin(clip)

    def observe(self, recording: Recording, steps: int) -> None:
        """Tell the metrics that asked for attention maps what was recorded, before the first frame.

        Args:
            recording: of the run.
            steps: steps of its schedule.

        Raises:
            SpecError: a metric cannot measure them; with its path in the spec.
        """
        for site, step, attention in recording.seen():
            for place, (_, metric) in enumerate(self._metrics):
                with _placed(place):
                    if isinstance(metric, MapMetric) and step in watched_steps(metric, site, steps):
                        metric.observe(site, Moment(step, steps), attention.clone())

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Show the next frame to every metric.

        Args:
            frame: ``(height, width, 3)``, RGB.

        Raises:
            SpecError: a metric cannot measure it; with its path in the spec.
        """
        for place, (_, metric) in enumerate(self._metrics):
            with _placed(place):
                metric.add(frame)

    def results(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """The name of each metric, as in ``use``, and its numbers, once all frames were added.

        Raises:
            SpecError: a metric cannot measure what it saw; with its path in the spec.
        """
        for place, (use, metric) in enumerate(self._metrics):
            with _placed(place):
                came = metric.result()
                yield use, {name: came[number] for name, number in zip(self._names[place], metric.numbers, strict=True)}


@contextmanager
def _placed(place: int) -> Generator[None]:
    """Says where in the spec a metric stands that refuses."""
    try:
        yield
    except SpecError as error:
        raise error.under("metrics", place) from None
