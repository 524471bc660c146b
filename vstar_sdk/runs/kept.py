"""The frames of an earlier run that a run keeps: decided and checked before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.frame_ranges import as_ranges, frames_in
from vstar_sdk.models.facts import Facts
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.parent import Parent, read_parent
from vstar_sdk.runs.settings import Settings
from vstar_sdk.spec.loading import LoadedSpec


@dataclass(frozen=True)
class Kept:
    """What a run keeps of an earlier one.

    Attributes:
        parent: the earlier run.
        frames: that are kept, ascending; each has its place in both clips.
        made: the frames that are made again.
        latents: the latent frames that are held.
        lead: how long they lead the others; see `vstar_sdk.spec.start_spec.StartSpec`.
    """

    parent: Parent
    frames: tuple[int, ...]
    made: tuple[int, ...]
    latents: tuple[int, ...]
    lead: float

    def words(self) -> str:
        """What is kept and what is made, in a line."""
        return f"keeps frames {as_ranges(self.frames)} of {printable(str(self.parent.directory))}, makes {as_ranges(self.made)}"


def kept_of(loaded: LoadedSpec, facts: Facts, settings: Settings) -> Kept | None:
    """What a spec keeps, where it keeps something.

    Args:
        loaded: the spec.
        facts: of its model.
        settings: its numbers.

    Raises:
        SpecError: the earlier run cannot be read or does not fit, or the frames do not; with its path in the spec.
    """
    start = loaded.spec.start
    if start is None or start.run is None or start.keep is None:
        return None
    parent = _parent(loaded, facts, settings, start.run, start.sha256)
    try:
        named = frames_in(start.keep, settings.frames, settings.fps)
    except ValueError as error:
        raise SpecError(str(error), path=("start", "keep")) from None
    clock = facts.clock(settings.frames, settings.fps)
    latents = held_latents(named, parent.frames, clock)
    made = tuple(sorted({*range(settings.frames)} - {*named}))
    if not made:
        raise SpecError("all frames are kept, so there is nothing to generate", hint="keep fewer", path=("start", "keep"))
    return Kept(parent, named, made, latents, start.leading)


def held_latents(frames: Sequence[int], known: int, clock: Clock) -> tuple[int, ...]:
    """The latent frames that stand for frames that are kept.

    Args:
        frames: that are kept.
        known: frames of the clip that they come from.
        clock: of the clip that they go into.

    Raises:
        SpecError: the clip has no such frame, or a latent frame stands for frames that are kept and for others. The path is
            ``("start", "keep")``.
    """
    if frames[-1] >= known:
        raise SpecError(f"frame {frames[-1]} is kept, but the last frame of that clip is {known - 1}", path=("start", "keep"))
    there = Clock(known, clock.fps, clock.rhythm).spans
    asked = set(frames)
    held: list[int] = []
    for latent, span in enumerate(clock.spans):
        if not asked.intersection(span):
            continue
        if not asked.issuperset(span) or latent >= len(there) or there[latent] != span:
            raise SpecError(
                f"frames {as_ranges(span)} form one latent frame of this model: keep all of them or none",
                hint=f"keep whole latent frames, such as {as_ranges(_whole(frames, clock))}" if _whole(frames, clock) else None,
                path=("start", "keep"),
            )
        held.append(latent)
    return tuple(held)


def _whole(frames: Sequence[int], clock: Clock) -> list[int]:
    """Of some frames those whose latent frame stands for no other."""
    asked = set(frames)
    return [frame for span in clock.spans if asked.issuperset(span) for frame in span]


def _parent(loaded: LoadedSpec, facts: Facts, settings: Settings, run: str, sha256: str | None) -> Parent:
    directory = (loaded.document.folder or Path()) / Path(run).expanduser()
    try:
        parent = read_parent(directory)
        shown = printable(str(directory))
        if parent.model != facts.name:
            raise SpecError(
                f"the run in {shown} was made with {printable(parent.model)}, but this one uses {facts.name}",
                hint="latents cannot be shared between models: use the same model",
            )
        (width, height), size = parent.size, (settings.width, settings.height)
        if (width, height) != size:
            raise SpecError(
                f"the pictures of the run in {shown} have {width}x{height} pixels, but this one has {size[0]}x{size[1]}",
                hint=f"set size: [{width}, {height}]",
            )
        parent.check_latents()
        if sha256 is not None and sha256 != parent.sha256:
            raise SpecError(
                f"the run in {shown} has changed since this spec was resolved: the SHA-256 of its latents differs",
                hint="remove start.sha256 to use the run as it is now",
            )
    except SpecError as error:
        raise error.under("start", "from") from None
    return parent
