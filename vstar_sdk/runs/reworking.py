"""Specs that work on a finished run: one state made again, or the story gone on with; the rest is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vstar_sdk import moments
from vstar_sdk.errors import SpecError
from vstar_sdk.frame_ranges import as_ranges
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.parent import read_parent
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.story import Story
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import load_spec


def redone(
    directory: str | Path,
    state: int,
    *,
    caption: str | None = None,
    seed: int | None = None,
    plugins: Iterable[object] = (),
    guard: Guard | None = None,
) -> dict[str, Any]:
    """The spec that makes the frames again that one state of a finished run rules, and keeps the others.

    ::

        session.run(vstar_sdk.redone("runs/winter", 3, caption="a landscape in deep snow"), out="runs/winter-2")

    Args:
        directory: of the run.
        state: its number, from 1.
        caption: of the state from now on; None leaves it.
        seed: of the new frames; None: the run's own where the caption is new, else the next one.
        plugins: the objects that were passed to the run.
        guard: what the spec of the run may reach; see `Session`.

    Returns:
        A spec as a mapping; with a latent frame, all frames that it stands for are made again.

    Raises:
        SpecError: no run is whole there, it has no such state, or the state rules all frames.
    """
    run = _Run.read(Path(directory), plugins, guard)
    written = run.states
    if not 1 <= state <= len(written):
        raise SpecError(
            f"state {state}: the run in {run.shown} has states 1 to {len(written)}",
            hint=f"see: vstar synopsis {run.shown}/spec.yaml",
        )
    first, last = run.story.timeline.spans()[state - 1]
    spans = run.plan.facts.clock(run.plan.settings.frames, run.plan.settings.fps).spans
    kept = [frame for span in spans if span.stop <= first or last < span.start for frame in span]
    if not kept:
        raise SpecError(
            f"state {state} covers all frames of the run in {run.shown}, so nothing would be kept",
            hint=f"repeat the run with another seed: vstar run {run.shown}/spec.yaml --seed ...",
        )
    if caption is not None:
        written[state - 1]["caption"] = caption
    if seed is None:
        seed = run.plan.settings.seed if caption is not None else (run.plan.settings.seed + 1) % 2**64
    return run.spec | {"seed": seed, "synopsis": run.synopsis(written), "start": run.start(kept)}


def extended(
    directory: str | Path,
    by: moments.Span,
    states: Sequence[str] = (),
    *,
    seed: int | None = None,
    plugins: Iterable[object] = (),
    guard: Guard | None = None,
) -> dict[str, Any]:
    """The spec that continues from the end of a finished run: its frames are kept, and others follow.

    The old states stay at their frames; where the last one stood before the last frame, it stands there a second time, so that
    the change to the new ones begins after the old frames. The new ones are spaced evenly over the new frames, the last at the
    end; without new ones the last old state goes on.

    Args:
        directory: of the run.
        by: how much longer: frames (``32``), seconds (``"4s"``) or a share of the run (``"50%"``). Where the model's clips cannot
            have that length, the next longer one is taken.
        states: captions of new states, in story order.
        seed: of the new frames; None: the run's own.
        plugins: the objects that were passed to the run.
        guard: what the spec of the run may reach; see `Session`.

    Raises:
        SpecError: no run is whole there, or ``by`` is not a duration.
    """
    if isinstance(states, str):
        raise SpecError("extend: states must be a list of captions, not a text", hint="write states=[...]")
    run = _Run.read(Path(directory), plugins, guard)
    numbers, timeline = run.plan.settings, run.story.timeline
    try:
        longer = round(moments.duration(by, numbers.frames, numbers.fps))
    except ValueError as error:
        raise SpecError(f"extend: {error}") from None
    if longer < 1:
        raise SpecError(f"extend: {by!r}: that is less than one frame", hint="write frames (32) or seconds ('4s')")
    frames = run.plan.facts.rhythm.nearest(numbers.frames + longer)[-1]
    written = [old | {"at": anchor} for old, anchor in zip(run.states, timeline.anchors, strict=True)]
    last = numbers.frames - 1
    if states and timeline.interpolation == "hold":  # a state is there from its anchor on
        anchors = [numbers.frames + index * (frames - numbers.frames) // len(states) for index in range(len(states))]
    else:
        anchors = [last + (index + 1) * (frames - 1 - last) // len(states) for index in range(len(states))]
        if states and timeline.anchors[-1] < last:  # it is there until the end of the old frames, and changes after it
            written.append(written[-1] | {"at": last})
    written += [{"caption": caption, "at": anchor} for caption, anchor in zip(states, anchors, strict=True)]
    return run.spec | {
        "frames": frames,
        "seed": numbers.seed if seed is None else seed,
        "synopsis": run.synopsis(written),
        "start": run.start(range(numbers.frames)),
    }


@dataclass(frozen=True)
class _Run:
    """A finished run, and the plan that it was made by."""

    directory: Path
    spec: dict[str, Any]
    plan: Plan
    story: Story

    @classmethod
    def read(cls, directory: Path, plugins: Iterable[object], guard: Guard | None) -> _Run:
        parent = read_parent(directory)
        parent.check_latents()
        spec = {key: value for key, value in parent.spec.items() if key != "start"}
        plan = make_plan(load_spec(spec, plugins=plugins, guard=guard))
        story = plan.tell_story()
        run = cls(directory, spec, plan, story)
        if len(story.synopsis.states) != len(run.states):
            raise SpecError(
                f"a plugin of the run in {run.shown} turns {len(run.states)} states into {len(story.synopsis.states)}",
                hint="write the spec by hand: start: {from: ..., keep: ...}",
            )
        return run

    @property
    def shown(self) -> str:
        return printable(str(self.directory))

    @property
    def states(self) -> list[dict[str, Any]]:
        """Its states as they are written in its spec, each as a mapping."""
        written: list[Any] = self.spec["synopsis"]["states"]
        return [cast(dict[str, Any], state) if isinstance(state, dict) else {"caption": state} for state in deepcopy(written)]

    def synopsis(self, states: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return self.spec["synopsis"] | {"states": list(states)}

    def start(self, kept: Iterable[int]) -> dict[str, Any]:
        return {"from": str(self.directory), "keep": as_ranges(kept)}
