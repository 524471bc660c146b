"""Measuring what was written: a film, or that of a run directory, and what is expected of its numbers."""

from __future__ import annotations

import difflib
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.metrics.contract import MapMetric
from vstar_sdk.output.film import Film, film
from vstar_sdk.runs.belongings import MANIFEST
from vstar_sdk.runs.measuring import Measuring, metrics_of, names_of
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import LoadedSpec, load_spec

PICTURES = ("drift", "evolution", "flicker", "frozen", "repeated", "seam")
"""The metrics that need no story: measured where nothing else is said."""

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_EXPECTED = re.compile(r"\s*([a-z0-9][a-z0-9_/-]*)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Expectation:
    """What a number should be: ``flicker < 0.1``.

    Attributes:
        number: its name, as in the manifest.
        relation: one of ``<``, ``<=``, ``>``, ``>=``.
        bound: what it is compared with.
    """

    number: str
    relation: str
    bound: float

    @classmethod
    def read(cls, text: str) -> Expectation:
        """Read it from a text.

        Raises:
            SpecError: it is none.
        """
        found = _EXPECTED.fullmatch(text)
        try:
            bound = float(found[3]) if found else float("nan")
        except ValueError:
            bound = float("nan")
        if found is None or abs(bound) == float("inf") or bound != bound:
            raise SpecError(f"cannot read '{text}'", hint="write a condition such as 'flicker<0.1' (<, <=, > or >=)")
        return cls(found[1], found[2], bound)

    def kept(self, numbers: Mapping[str, float]) -> bool:
        """Whether the numbers are as expected."""
        return _OPERATORS[self.relation](numbers[self.number], self.bound)

    def __str__(self) -> str:
        return f"{self.number} {self.relation} {self.bound:g}"


@dataclass(frozen=True)
class Checked:
    """What was measured.

    Attributes:
        path: of the film.
        clip: number, size and rate of its frames, and the prompt that it was made from.
        numbers: by name.
        expected: and whether each was kept.
    """

    path: Path
    clip: Footage
    numbers: Mapping[str, float]
    expected: Sequence[tuple[Expectation, bool]]

    @property
    def kept(self) -> bool:
        """Whether all is as expected."""
        return all(kept for _, kept in self.expected)


def check(path: Path, metrics: Iterable[str] = (), expected: Iterable[str] = (), prompt: str | None = None) -> Checked:
    """Measure a film frame by frame.

    Args:
        path: an MP4 video, a folder of PNG images, or a run directory that holds one of them.
        metrics: names, as in ``use``. None named: those of the spec that made it which need
            frames alone, else those of `PICTURES`.
        expected: texts such as ``flicker<0.1``; their metrics are measured, too.
        prompt: the story, for metrics that compare with it; None: that of the spec that made it.

    Raises:
        SpecError: there is no film, a name is unknown, or a metric cannot measure it.
        PluginError: a plugin's metric is broken.
    """
    found = find(path)
    made_by: Any = parse(found.spec).data if found.spec is not None else {}
    wanted = [Expectation.read(text) for text in expected]
    named = list(metrics)
    for name in named:
        try:
            _loaded([{"use": name}])
        except SpecError as error:
            raise SpecError(f"-m {name}: {error.message.removeprefix('metrics[0].use: ')}", hint=error.hint) from None
    chosen: list[dict[str, Any]] = [{"use": name} for name in named] or _of_frames(made_by.get("metrics") or ())
    chosen = chosen or [{"use": name} for name in PICTURES]
    loaded, names = _including([one.number for one in wanted], chosen)
    clip = replace(found.footage, prompt=prompt if prompt is not None else str(made_by.get("prompt", "")))
    for use, metric in metrics_of(loaded):
        if isinstance(metric, MapMetric):
            raise SpecError(
                f"{use} measures attention maps, which a film does not have",
                hint="write it in the metrics of a spec: it is measured while the run is at work",
            )
    measuring = Measuring(metrics_of(loaded), clip)
    for frame in found.frames():
        measuring.add(frame)
    numbers = {name: number for _, some in measuring.results() for name, number in some.items()}
    return Checked(found.path, clip, {name: numbers[name] for name in names}, [(one, one.kept(numbers)) for one in wanted])


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
        return film(path)
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
        files = [path / str(artifact["path"]) for artifact in data["artifacts"]]
        fps, spec = float(data["clip"]["fps"]), (path / "spec.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{manifest} is not the manifest of a run with frames: {error!r}", hint="use its video instead"
        ) from error
    folders = [one for one in files if one.is_dir()]
    films = [*folders, *(one for one in files if one.suffix == ".mp4")]
    if not films:
        raise SpecError(f"the run {path} wrote neither mp4 nor frames", hint="measure while it runs: write metrics in its spec")
    return replace(film(films[0], fps), spec=spec)


def _including(numbers: Sequence[str], chosen: list[dict[str, Any]]) -> tuple[LoadedSpec, list[str]]:
    """A spec of the chosen metrics, and of the package's own that measure these numbers; and the names of all numbers."""
    loaded, names = _loaded(chosen)
    own = {name: part for part in (p.name for p in loaded.catalog.parts("metrics")) for name in _own(part)}
    for number in numbers:
        if number not in names:
            if number not in own:
                near = difflib.get_close_matches(number, [*names, *own], 1)
                guess = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted({*names, *own}))}."
                raise SpecError(f"unknown metric '{number}'. {guess}", hint="add a plugin's metric with -m acme/NAME")
            chosen = [*chosen, {"use": own[number]}]
            loaded, names = _loaded(chosen)
    return loaded, names


def _of_frames(written: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of a spec's metrics that need nothing but frames."""
    chosen = [dict(one) for one in written]
    metrics = metrics_of(_loaded(chosen)[0]) if chosen else []
    return [one for one, (_, metric) in zip(chosen, metrics, strict=True) if not isinstance(metric, MapMetric)]


def _own(part: str) -> tuple[str, ...]:
    """The numbers of a metric of the package."""
    return names_of(metrics_of(_loaded([{"use": part}])[0]))[0] if "/" not in part else ()


def _loaded(chosen: Sequence[Mapping[str, Any]]) -> tuple[LoadedSpec, list[str]]:
    loaded = load_spec({"synopsis": {"use": "states", "states": ["-"]}, "metrics": [dict(one) for one in chosen]})
    return loaded, [name for names in names_of(metrics_of(loaded)) for name in names]
