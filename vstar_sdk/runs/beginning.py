"""The pictures and clips that a video begins or ends with: found, measured and placed before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.frame_ranges import as_ranges, frames_in, ranges
from vstar_sdk.models.facts import Facts
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.fitting import Fitting
from vstar_sdk.reading.pictures import Picture, read_picture
from vstar_sdk.reading.videos import MOST_FRAMES, Video, look_at_video
from vstar_sdk.runs.settings import Settings
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.start_spec import Material, StartSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Shot:
    """A picture, or a stretch of a clip, in its place.

    Attributes:
        key: of ``start`` that names it.
        file: what was found there.
        used: the frames of the file that are used; of a picture, the one.
        place: the frames of the video that they become. A last picture fills those of the last latent frame.
        fitting: how they are cut and resized.
        latents: the latent frames of the video that are held with what it gives; none where the network reads it by itself.
    """

    key: Material
    file: Picture | Video
    used: range
    place: range
    fitting: Fitting
    latents: tuple[int, ...] = ()

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Its frames, one by one, in the size of the video: ``(height, width, 3)``, RGB.

        Raises:
            SpecError: the file was changed.
        """
        if isinstance(self.file, Picture):
            picture = self.fitting(self.file.read())
            yield from (picture for _ in self.place)
        else:
            yield from map(self.fitting, self.file.read(self.used.start, len(self.used)))

    def words(self) -> str:
        """Which file, its size before and after, and where it comes, in a line."""
        shown = printable(str(self.file.path))
        if isinstance(self.file, Picture):
            what = f"picture {shown}{', turned upright' if self.file.turned else ''}"
        else:
            what = f"frames {as_ranges(self.used)} of {shown} ({self.file.fps:g} fps)"
        return f"{self.key}: {what}, {self.fitting.words()}; {self._held()}"

    def _held(self) -> str:
        if not self.latents:
            return f"read by the network as the {self.key} frame"
        return f"at {'frame' if len(self.place) == 1 else 'frames'} {as_ranges(self.place)}"


@dataclass(frozen=True)
class Beginning:
    """What a video begins and ends with.

    Attributes:
        shots: in the order of their places, one or two.
        kept: frames that are kept through the schedule, ascending.
        made: the other frames.
        lead: how long the kept ones lead the others; see `vstar_sdk.spec.start_spec.StartSpec`.
    """

    shots: tuple[Shot, ...]
    kept: tuple[int, ...]
    made: tuple[int, ...]
    lead: float

    @property
    def trained(self) -> tuple[Shot, ...]:
        """Those that the network was trained to read."""
        return tuple(shot for shot in self.shots if not shot.latents)

    @property
    def digests(self) -> dict[Material, str]:
        """SHA-256 of the files."""
        return {shot.key: shot.file.sha256 for shot in self.shots}

    def record(self) -> list[dict[str, Any]]:
        """What a manifest says of each: ``key``, ``file`` (its name), ``sha256``, ``used``, ``frames`` (that it becomes),
        ``size`` (before), ``crop`` and ``resized``.
        """
        return [
            {
                "key": shot.key,
                "file": shot.file.path.name,
                "sha256": shot.file.sha256,
                "used": as_ranges(shot.used),
                "frames": as_ranges(shot.place),
                "size": list(shot.fitting.before),
                "crop": list(shot.fitting.box),
                "resized": list(shot.fitting.after),
            }
            for shot in self.shots
        ]

    def words(self) -> list[str]:
        """What is given, kept and made, in a line for each shot and one for the frames."""
        kept = f"keeps frames {as_ranges(self.kept)}, makes" if self.kept else "makes frames"
        return [*(shot.words() for shot in self.shots), f"{kept} {as_ranges(self.made)}"]

    def warnings(self, fps: float) -> Iterator[str]:
        """What the user should know: clips whose frame rate is another.

        Args:
            fps: of the video.
        """
        for shot in self.shots:
            if isinstance(shot.file, Video) and abs(shot.file.fps - fps) > 0.02 * fps:
                yield (
                    f"start.{shot.key} has {shot.file.fps:g} frames a second and the video {fps:g}: its frames are taken one for "
                    f"one, so that it plays at {fps / shot.file.fps:.2g} of its speed"
                )


def beginning_of(loaded: LoadedSpec, facts: Facts, settings: Settings) -> Beginning | None:
    """What a spec begins with, where that is pictures or clips.

    Args:
        loaded: the spec.
        facts: of its model.
        settings: its numbers.

    Raises:
        SpecError: a file cannot be read or was changed, the model cannot begin with one, or the frames do not fit; with its path
            in the spec.
    """
    start = loaded.spec.start
    given: list[Material] = [] if start is None else [key for key in KEYS if getattr(start, key) is not None]
    if lacking := [key for key in facts.needs if key not in given]:
        what = "a first and a last picture" if len(facts.needs) > 1 else "a picture"
        raise SpecError(
            f"{facts.name} makes a video from {what}, and the spec names {'only one' if given else 'none'}",
            hint=f"write start: {{{', '.join(f'{key}: PICTURE' for key in facts.needs)}}}, or use a text-to-video model",
            path=("start", lacking[0]) if given else ("start",),
        )
    if start is None or not given:
        return None
    clock = facts.clock(settings.frames, settings.fps)
    folder = loaded.document.folder or Path()
    shots = [_shot(key, start, folder, settings, clock, key in facts.trained) for key in given]
    untrained = [shot for shot in shots if shot.key not in facts.trained]
    if untrained and not facts.encodes:
        raise SpecError(
            f"{facts.name} cannot begin with pictures or clips: its adapter does not encode frames",
            hint="use another model, or start.from with a run of this one",
            path=("start", untrained[0].key),
        )
    if untrained and (facts.rhythm.head != (1,) or facts.rhythm.tail):
        raise SpecError(f"{facts.name} cannot begin with pictures or clips: its latent frames overlap in time", path=("start",))
    if len(shots) == 2 and shots[0].place.stop > shots[1].place.start:
        raise SpecError(
            f"start.{given[0]} ends at frame {shots[0].place.stop - 1}, and start.{given[1]} begins at {shots[1].place.start}",
            hint=f"use fewer frames of them (clip_frames, into_frames), or set frames above {settings.frames}",
            path=("start", given[1]),
        )
    return _held(start, shots, settings, clock, facts)


KEYS: tuple[Material, ...] = ("first", "clip", "last", "into")
"""In the order of their places."""


def _held(start: StartSpec, shots: list[Shot], settings: Settings, clock: Clock, facts: Facts) -> Beginning:
    """The shots with their latent frames, and which frames are kept."""
    asked: set[int] | None = None
    if start.keep is not None:
        try:
            asked = {*frames_in(start.keep, settings.frames, settings.fps)}
        except ValueError as error:
            raise SpecError(str(error), path=("start", "keep")) from None
        if beyond := asked.difference(*(shot.place for shot in shots)):
            raise SpecError(
                f"frame {min(beyond)} is kept, but no clip has it: they give {', '.join(as_ranges(s.place) for s in shots)}",
                path=("start", "keep"),
            )
    placed: list[Shot] = []
    kept: set[int] = set()
    for shot in shots:
        if shot.key in facts.trained:
            placed.append(shot)
            continue
        mine = {*shot.place} if asked is None or isinstance(shot.file, Picture) else asked & {*shot.place}
        held = tuple(latent for latent, span in enumerate(clock.spans) if mine.issuperset(span))
        here = {frame for latent in held for frame in clock.spans[latent]}
        if (asked is not None and mine - here) or not held:
            span = next(span for span in clock.spans if min(mine - here, default=0) in span)
            raise SpecError(
                f"frames {as_ranges(span)} form one latent frame of this model: keep all of them or none",
                hint=f"keep whole latent frames, such as {as_ranges(here)}" if here else f"give it {len(span)} frames or more",
                path=("start", "keep" if start.keep is not None else shot.key),
            )
        kept |= here
        placed.append(Shot(shot.key, shot.file, shot.used, shot.place, shot.fitting, held))
    made = tuple(sorted({*range(settings.frames)} - kept))
    if not made:
        raise SpecError(
            "all frames are kept, so there is nothing to generate",
            hint=f"set frames above {settings.frames}, or keep fewer",
            path=("start", "keep" if start.keep is not None else shots[0].key),
        )
    return Beginning(tuple(placed), tuple(sorted(kept)), made, start.leading)


def _shot(key: Material, start: StartSpec, folder: Path, settings: Settings, clock: Clock, trained: bool) -> Shot:
    """A file in its place.

    Raises:
        SpecError: it cannot be read, was changed, or has not the frames; with its path in the spec.
    """
    path = folder / Path(getattr(start, key)).expanduser()
    after = (settings.width, settings.height)
    try:
        if key in ("first", "last"):
            picture, _ = read_picture(path)
            whole = clock.spans[-1] if not trained else range(settings.frames - 1, settings.frames)
            place = range(1) if key == "first" else whole
            shot = Shot(key, picture, range(1), place, Fitting.of(picture.size, after, start.fit))
        else:
            video, used = _stretch(path, getattr(start, f"{key}_frames"), settings.frames)
            place = range(len(used)) if key == "clip" else range(settings.frames - len(used), settings.frames)
            shot = Shot(key, video, used, place, Fitting.of(video.size, after, start.fit))
    except SpecError as error:
        raise error.under("start", *(() if error.path else (key,))) from None
    except ValueError as error:
        raise SpecError(str(error), path=("start", f"{key}_frames")) from None
    if start.digests.get(key, shot.file.sha256) != shot.file.sha256:
        raise SpecError(
            f"{printable(str(path))} has changed since this spec was resolved: its SHA-256 differs",
            hint=f"remove start.digests.{key} to use it as it is now",
            path=("start", key),
        )
    return shot


def _stretch(path: Path, written: int | str | None, most: int) -> tuple[Video, range]:
    """A video, and the frames of it that are used.

    Raises:
        ValueError: they are no single stretch of it, or more than the new video has.
        SpecError: it cannot be read.
    """
    if written is None:
        video = look_at_video(path, most + 1)
        used = range(video.frames)
    else:
        (first, last), *others = ranges(written)
        if others:
            raise ValueError(f"{written!r}: one range of frames is used")
        end = last or first
        video = look_at_video(path, int(end.amount) + 1 if end.unit == "frames" else MOST_FRAMES)
        found = frames_in(written, video.frames, video.fps)
        used = range(found[0], found[-1] + 1)
    if len(used) > most:
        raise ValueError(f"it has more frames than the {most} of the new video: write which are used, such as '0-{most // 4}'")
    return video, used
