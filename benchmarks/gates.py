"""Which gate sees which fault: mutations of clean clips of the embedded world, held to bounds as ``expect`` holds a run to them.

``python -m benchmarks.gates [--seeds N] [--made N]``. For every family: *stories*, which go from its first key state to its last,
and *calm* clips, which stay at one, drawn by the world itself (``--seeds`` of each) and made by the model in 25 steps (``--made``
of each). 16 frames each. Every clip is clean, or has one fault. A cell is the number of clips that a gate refuses, of all.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstar_sdk import Footage, LoadedSpec, Session, load_spec
from vstar_sdk.miniworld.grammar import families, key_captions, subject
from vstar_sdk.miniworld.reader import read
from vstar_sdk.miniworld.world import scene
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.measuring import Measuring
from vstar_sdk.spec.expectations import expectations

Frames = NDArray[np.uint8]

FRAMES = 16
ANCHORS = (0, 5, 10, 15)
"""Of the four states that a story is taken to have."""
STORY: dict[str, bool | str] = {
    "order": "> 0.9",
    "frozen": False,
    "repeated": False,
    "seam": "< 1.5",
    "cuts": False,
    "change": "> 0.05",
}
"""The gates of a story: something happens, in order, and without a jump."""

CALM: dict[str, bool | str] = {"drift": "< 20", "repeated": False, "seam": "< 1.5", "cuts": False}
"""The gates of a calm clip: the light stays. Its frames may be alike, and it has no order."""


@dataclass(frozen=True)
class Clip:
    """A clean clip.

    Attributes:
        family: of the world.
        prompt: that it shows.
        story: whether it goes from one key state to another; else it is calm.
        frames: ``(F, 64, 64, 3)``.
    """

    family: str
    prompt: str
    story: bool
    frames: Frames


def frozen(frames: Frames, other: Frames) -> Frames:
    """The second half stands still."""
    half = len(frames) // 2
    return np.concatenate([frames[:half], np.repeat(frames[half - 1 : half], len(frames) - half, 0)])


def repeated(frames: Frames, other: Frames) -> Frames:
    """The first half, twice."""
    half = len(frames) // 2
    return np.concatenate([frames[:half], frames[:half]])


def backwards(frames: Frames, other: Frames) -> Frames:
    """The last frame first."""
    return frames[::-1]


def swapped(frames: Frames, other: Frames) -> Frames:
    """The second half before the first: its states are in another order."""
    half = len(frames) // 2
    return np.concatenate([frames[half:], frames[:half]])


def hue_ramp(frames: Frames, other: Frames) -> Frames:
    """A tint of a quarter, whose hue turns once round the circle: red, yellow, green, blue, and red again."""
    turn = np.linspace(0, 2 * np.pi, len(frames))
    tint = np.stack([np.cos(turn - shift) for shift in (0, 2 * np.pi / 3, 4 * np.pi / 3)], axis=-1) * 127.5 + 127.5
    return np.rint(0.75 * frames + 0.25 * tint[:, None, None, :]).astype(np.uint8)


def hard_cut(frames: Frames, other: Frames) -> Frames:
    """The second half is that of another family."""
    half = len(frames) // 2
    return np.concatenate([frames[:half], other[half:]])


def missing(frames: Frames, other: Frames) -> Frames:
    """The second state is not shown: where it should be, in frame 5, the clip is back at its first picture; then it hurries."""
    back = [0, 1, 2, 1, 2, 0, 1, 2]
    hurried = np.linspace(3, len(frames) - 1, len(frames) - len(back)).round().astype(int)
    return frames[[*back, *hurried]]


Mutation = Callable[[Frames, Frames], Frames]


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        name: of the fault.
        mutate: makes it, from a clip and one of another family; None for clean clips.
        story: whether it is made in stories, else in calm clips.
        red: the gates that must refuse each clip.
        green: those that must refuse none; the others may do what they like.
    """

    name: str
    mutate: Mutation | None
    story: bool
    red: frozenset[str]
    green: frozenset[str]


CASES = (
    Case("clean story", None, True, frozenset(), frozenset(STORY)),
    Case("frozen half", frozen, True, frozenset({"frozen"}), frozenset({"repeated"})),
    Case("first half twice", repeated, True, frozenset({"repeated"}), frozenset({"frozen"})),
    Case("backwards", backwards, True, frozenset({"order"}), frozenset(STORY) - {"order"}),
    Case("states swapped", swapped, True, frozenset({"order"}), frozenset({"frozen", "repeated"})),
    Case("state missing", missing, True, frozenset({"change"}), frozenset({"frozen"})),
    Case("hard cut", hard_cut, True, frozenset({"cuts", "seam"}), frozenset({"frozen", "repeated"})),
    Case("clean calm clip", None, False, frozenset(), frozenset(CALM)),
    Case("hue ramp", hue_ramp, False, frozenset({"drift"}), frozenset({"seam", "cuts"})),
)


def prompts() -> Iterator[tuple[str, bool, str]]:
    """Family, whether it is a story, and the prompt."""
    for name, family in families().items():
        who = subject(family, family.colours[0] if family.colours else "")
        yield name, True, f"{who} from {family.keys[0].name} to {family.keys[-1].name}"
        yield name, False, key_captions(family, family.keys[1], family.colours[0] if family.colours else "")[0]


def drawn(seeds: Sequence[int]) -> Iterator[Clip]:
    """Clips that the world draws."""
    for name, story, prompt in prompts():
        told = read(prompt)
        stages = np.linspace(told.start, told.end, FRAMES) if story else np.full(FRAMES, families()[name].keys[1].at)
        for seed in seeds:
            frames = scene(name, seed).render(stages % 1 if families()[name].cyclic else stages, 100.0 + np.arange(FRAMES))
            yield Clip(name, prompt, story, frames)


def made(seeds: Sequence[int], steps: int = 25) -> Iterator[Clip]:
    """Clips that the model makes."""
    with Session() as session:
        for name, story, prompt in prompts():
            synopsis = {"use": "miniworld"} if story else {"use": "none"}
            for seed in seeds:
                spec = {"prompt": prompt, "frames": FRAMES, "seed": seed, "sampling": {"steps": steps}, "synopsis": synopsis}
                yield Clip(name, prompt, story, np.stack(list(session.run(spec).frames())))


def refused(frames: Frames, prompt: str, expected: LoadedSpec) -> dict[str, bool]:
    """Which gates of a spec's ``expect`` refuse a clip."""
    count, height, width, _ = frames.shape
    clip = Footage(frames=count, width=width, height=height, fps=8.0, prompt=prompt, anchors=ANCHORS)
    measuring = Measuring(metrics_of(expected), clip)
    for frame in np.ascontiguousarray(frames):
        measuring.add(frame)
    numbers = {name: number for _, some in measuring.results() for name, number in some.items()}
    return {one.number: not one.kept(numbers[one.number]) for one in expectations(expected.spec.expect)}


def measure(clips: Sequence[Clip]) -> dict[str, dict[str, tuple[int, int]]]:
    """Of each case and gate how many clips were refused, and of how many."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for case in CASES:
        expected = load_spec({"synopsis": {"states": ["-"]}, "expect": STORY if case.story else CALM})
        counts = dict.fromkeys(expected.spec.expect, 0)
        mine = [clip for clip in clips if clip.story == case.story]
        for number, clip in enumerate(mine):
            other = next(one for one in (*mine[number:], *mine) if one.family != clip.family)
            frames = case.mutate(clip.frames, other.frames) if case.mutate else clip.frames
            for gate, red in refused(frames, clip.prompt, expected).items():
                counts[gate] += red
        found[case.name] = {gate: (count, len(mine)) for gate, count in counts.items()}
    return found


def wrong(found: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[str]:
    """The gates that are not as they must be."""
    said: list[str] = []
    for case in CASES:
        for gate, (count, of) in found[case.name].items():
            if (gate in case.red and count < of) or (gate in case.green and count):
                said.append(f"{case.name}: {gate} refuses {count} of {of}")
    return said


def table(found: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """A row for each case; bold where all must be refused, in brackets where nothing is asked for."""
    gates = [*STORY, "drift"]
    lines = ["| | " + " | ".join(f"`{gate}`" for gate in gates) + " |", "|---|" + "---:|" * len(gates)]
    for case in CASES:
        cells: list[str] = []
        for gate in gates:
            count, of = found[case.name].get(gate, (0, 0))
            text = f"{count} of {of}" if of else ""
            cells.append(f"**{text}**" if gate in case.red else text if gate in case.green or not of else f"({text})")
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and what is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--made", type=int, default=2)
    given = parser.parse_args()
    found = measure([*drawn(range(given.seeds)), *made(range(given.made))])
    print(table(found))
    print("\n".join(["", *(wrong(found) or ["All are as they must be."])]))


if __name__ == "__main__":
    main()
