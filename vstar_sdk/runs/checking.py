"""Measuring what was written: a film, or that of a run directory, and what is expected of its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.output.film import Film, film
from vstar_sdk.runs.belongings import MANIFEST, SPEC, SYNOPSIS
from vstar_sdk.runs.instruments import metrics_of, numbers_of
from vstar_sdk.runs.measuring import Measuring
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.expectations import Expectation, Verdict, expectations, written
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import LoadedSpec, load_spec

PICTURES = ("cuts", "detail", "drift", "evolution", "flicker", "frozen", "layout", "repeated", "seam")
"""The metrics that need no story and few frames: measured where nothing else is said."""


@dataclass(frozen=True)
class Checked:
    """What was measured.

    Attributes:
        path: of the film.
        clip: number, size and rate of its frames, and the prompt that it was made from.
        numbers: by name.
        verdicts: on what is expected.
    """

    path: Path
    clip: Footage
    numbers: Mapping[str, float]
    verdicts: Sequence[Verdict]

    @property
    def kept(self) -> bool:
        """Whether all is as expected."""
        return all(one.kept for one in self.verdicts)


def check(
    path: Path,
    metrics: Iterable[str] = (),
    expected: Iterable[str] = (),
    prompt: str | None = None,
    *,
    guard: Guard | None = None,
) -> Checked:
    """Measure a film frame by frame.

    Args:
        path: an MP4 video, a folder of PNG images, or a run directory that holds one of them.
        metrics: names, as in ``use``. None named: those of the spec that made it which need
            frames alone, else those of `PICTURES`.
        expected: texts such as ``flicker<0.1``; their metrics are measured, too. None: what the spec that made it expects
            of frames.
        prompt: the story, for metrics that compare with it; None: that of the spec that made it.
        guard: which plugins may be named, where a stranger names them.

    Raises:
        SpecError: there is no film, a name is unknown, or a metric cannot measure it.
        PluginError: a plugin's metric is broken.
    """
    found = find(path)
    made_by: Any = parse(found.spec).data if found.spec is not None else {}
    wanted = [Expectation.read(text) for text in expected] or _of_frames_expected(made_by, guard)
    named = list(metrics)
    for name in named:
        try:
            _loaded([{"use": name}], guard=guard)
        except SpecError as error:
            raise SpecError(f"-m {name}: {error.message.removeprefix('metrics[0].use: ')}", hint=error.hint) from None
    chosen: list[dict[str, Any]] = [{"use": name} for name in named] or _of_frames(made_by.get("metrics") or (), guard)
    chosen = chosen or [{"use": name} for name in PICTURES]
    instruments = metrics_of(_loaded(chosen, wanted, guard))
    clip = replace(found.footage, prompt=prompt if prompt is not None else str(made_by.get("prompt", "")))
    for one in instruments:
        if isinstance(one.metric, MapMetric):
            raise SpecError(
                f"{one.use} measures attention maps, which a film does not have",
                hint="write it in the metrics of a spec: it is measured while the run is at work",
            )
    measuring = Measuring(instruments, clip)
    for frame in found.frames():
        measuring.add(frame)
    numbers = {name: number for _, some in measuring.results() for name, number in some.items()}
    verdicts = [Verdict(one, numbers[one.number]) for one in wanted]
    return Checked(found.path, clip, {name: numbers[name] for name in numbers_of(instruments)}, verdicts)


def find(path: Path) -> Film:
    """The film at a path; of a run, frames that were written without loss come before an MP4.

    Raises:
        SpecError: there is none.
    """
    manifest = path / MANIFEST
    if not manifest.is_file():
        if not path.exists():
            raise SpecError(f"there is no {path}", hint="name an MP4 video or a run directory")
        if resumable(path):
            raise SpecError(f"the run in {path} is unfinished", hint=f"finish it: vstar resume {path}")
        if (path / SYNOPSIS).is_file():  # its pictures are contact sheets, not frames
            raise SpecError(f"the run in {path} is not whole: {MANIFEST} is missing", hint="name its video, or repeat the run")
        return film(path)
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
        files = [path / str(artifact["path"]) for artifact in data["artifacts"]]
        fps, spec = float(data["clip"]["fps"]), (path / SPEC).read_text(encoding="utf-8")
        anchors = tuple(int(one) for one in data["clip"]["anchors"]) if "anchors" in data["clip"] else None
    except OSError as error:
        raise SpecError(f"{error.filename} cannot be read: {error.strerror}", hint="name its video, or repeat the run") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{manifest} is damaged, or of a run without frames", hint="name its video, or repeat the run") from error
    folders = [one for one in files if one.is_dir()]
    films = [*folders, *(one for one in files if one.suffix == ".mp4")]
    if not films:
        raise SpecError(f"the run {path} wrote neither mp4 nor frames", hint="measure while it runs: write metrics in its spec")
    found = film(films[0], fps)
    return replace(found, footage=replace(found.footage, anchors=anchors), spec=spec)


def _of_frames(written: Iterable[Any], guard: Guard | None) -> list[Any]:
    """Those of a spec's metrics that need nothing but frames."""
    chosen = list(written)
    metrics = metrics_of(_loaded(chosen, guard=guard)) if chosen else []
    return [one for one, made in zip(chosen, metrics, strict=True) if not isinstance(made.metric, MapMetric)]


def _of_frames_expected(made_by: Mapping[str, Any], guard: Guard | None) -> list[Expectation]:
    """What a spec expects of numbers that need nothing but frames."""
    wanted = expectations(made_by.get("expect") or {})
    metrics = metrics_of(_loaded(list(made_by.get("metrics") or ()), wanted, guard)) if wanted else []
    of_maps = {name for one in metrics if isinstance(one.metric, MapMetric) for name in one.names}
    return [one for one in wanted if one.number not in of_maps]


def _loaded(metrics: Sequence[Any], expected: Sequence[Expectation] = (), guard: Guard | None = None) -> LoadedSpec:
    """A spec of some metrics, and of those that measure what is expected."""
    states = {"use": "states", "states": ["-"]}
    return load_spec({"synopsis": states, "metrics": list(metrics), "expect": written(expected)}, guard=guard)
