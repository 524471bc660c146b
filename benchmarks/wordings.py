"""How far a synopsis may go from the words of training: 40 synopses in other words, against the writer's captions.

``python -m benchmarks.wordings [--model NAME] [--seeds N]`` makes, for every synopsis of ``wordings.yaml`` and seed, a clip of
its states and one of the embedded writer's captions of the same stages, and appends a line a clip to
``benchmarks/results/wordings.jsonl`` (what is there is not made again). ``python -m benchmarks.wordings report`` prints the
tables. *error*: mean distance of the depicted stage from the story's. Intervals: 95 %, by bootstrap over synopses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.lines import command, read_lines
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.grammar import Family, families, key_captions, vocabulary
from vstar_sdk.miniworld.reader import Reading

FILE = Path(__file__).parent / "wordings.yaml"
RECORDS = Path(__file__).parent / "results" / "wordings.jsonl"
FRAMES = 16
NUMBERS = ("error", "order", "scene")


@dataclass(frozen=True)
class Wording:
    """One synopsis of the file."""

    number: int
    family: str
    style: str
    keys: tuple[str, ...]
    states: tuple[str, ...]

    @property
    def kind(self) -> Family:
        """The scene's family."""
        return families()[self.family]

    @property
    def colour(self) -> str:
        """The family's colour that the states name first, or ""."""
        words = words_of(self.states)
        return next((word for word in words if word in self.kind.colours), "")

    @property
    def captions(self) -> tuple[str, ...]:
        """The embedded writer's captions of the same stages."""
        return tuple(key_captions(self.kind, self.kind.key(key), self.colour)[0] for key in self.keys)

    @property
    def reading(self) -> Reading:
        """The story, for the judge."""
        start, end = (self.kind.key(self.keys[at]).at for at in (0, -1))
        if self.kind.cyclic and end < start:
            end += 1
        return Reading(self.family, start, end, self.colour, "still", unknown=())

    @property
    def strange(self) -> float:
        """The share of words that stand in no training caption."""
        words = words_of(self.states)
        return sum(word not in vocabulary() for word in words) / len(words)


def words_of(states: Iterable[str]) -> list[str]:
    """The words of captions, in lower case."""
    return [word.strip(".,").lower() for state in states for word in state.split()]


def wordings() -> list[Wording]:
    """The synopses of the file."""
    return [
        Wording(number, entry["family"], entry["style"], tuple(entry["keys"]), tuple(entry["states"]))
        for number, entry in enumerate(yaml.safe_load(FILE.read_text("utf-8")))
    ]


def records() -> list[dict[str, Any]]:
    """What was measured."""
    return read_lines(RECORDS)


def measure(model: str, seeds: int) -> None:
    """Make what is not recorded yet, all synopses with one seed before the next."""
    from vstar_sdk import Session
    from vstar_sdk.miniworld.judge import judge
    from vstar_sdk.miniworld.telling import story_numbers

    done = {(record["model"], record["synopsis"], record["told"], record["seed"]) for record in records()}
    with Session() as session, open(RECORDS, "a", encoding="utf-8") as file:
        for seed in range(seeds):
            for one in wordings():
                for told, states in (("writer", one.captions), ("wording", one.states)):
                    if (model, one.number, told, seed) in done:
                        continue
                    spec: dict[str, Any] = {
                        "prompt": " / ".join(states),
                        "synopsis": {"use": "states", "states": list(states)},
                        "model": {"use": model, "device": "cpu"},
                        "frames": FRAMES,
                        "seed": seed,
                        "output": [],
                    }
                    frames = np.stack(list(session.run(spec).frames()))
                    numbers = story_numbers(judge().read(frames), one.reading)
                    found = {name: round(numbers[name], 5) for name in NUMBERS}
                    line = {"model": model, "synopsis": one.number, "told": told, "seed": seed, **found}
                    print(json.dumps(line), file=file, flush=True)


def differences(model: str, number: str) -> dict[int, float]:
    """Of every synopsis, the wording's number less the writer's, the mean over seeds that have both."""
    made = {(r["synopsis"], r["told"], r["seed"]): r[number] for r in records() if r["model"] == model}
    pairs: dict[int, list[float]] = {}
    for (synopsis, told, seed), value in made.items():
        if told == "wording" and (synopsis, "writer", seed) in made:
            pairs.setdefault(synopsis, []).append(value - made[synopsis, "writer", seed])
    return {synopsis: float(np.mean(values)) for synopsis, values in pairs.items()}


def slope(strange: NDArray[Any], more: NDArray[Any]) -> float:
    """How much a number grows from no strange word to all of them: the least-squares line."""
    return float(np.polyfit(strange, more, 1)[0]) if np.ptp(strange) > 0 else 0.0


def resampled(values: Sequence[tuple[float, float]], of: Callable[[NDArray[Any], NDArray[Any]], float]) -> tuple[float, float]:
    """The 95 % interval of a number of pairs."""
    rng, pairs = np.random.default_rng(0), np.array(values)
    draws = [of(*pairs[rng.integers(0, len(pairs), len(pairs))].T) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def report() -> str:
    """The tables of all models that have records."""
    lines: list[str] = []
    known = {one.number: one for one in wordings()}
    for model in dict.fromkeys(record["model"] for record in records()):
        seeds = len({record["seed"] for record in records() if record["model"] == model})
        lines += [f"{model}, {FRAMES} frames, {seeds} seed{'s' if seeds != 1 else ''}", ""]
        lines += ["| style | synopses | strange words | writer's error | more error | less order | less of the scene |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        writer = {r["synopsis"]: r["error"] for r in records() if r["model"] == model and r["told"] == "writer"}
        more = {name: differences(model, name) for name in NUMBERS}
        for style in [*dict.fromkeys(one.style for one in known.values()), "all"]:
            some = [number for number, one in known.items() if style in (one.style, "all") and number in more["error"]]
            if not some:
                continue
            cells = [f"{100 * np.mean([known[number].strange for number in some]):.0f} %"]
            cells += [f"{np.mean([writer[number] for number in some]):.3f}"]
            for name in NUMBERS:
                found = interval([more[name][number] * (1 if name == "error" else -1) for number in some])
                cells += [f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"]
            lines.append(f"| {style} | {len(some)} | {' | '.join(cells)} |")
        pairs = [(known[number].strange, off) for number, off in more["error"].items()]
        low, high = resampled(pairs, slope)
        grows = slope(*np.array(pairs).T)
        lines += ["", f"Error grows by {grows:+.3f} [{low:+.3f}, {high:+.3f}] from no strange word to all.", ""]
    return "\n".join(lines)


def main() -> None:
    """Make clips, and print the tables."""
    command("wordings", __doc__, measure, report, seeds=2)


if __name__ == "__main__":
    main()
