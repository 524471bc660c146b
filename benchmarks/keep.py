"""What keeping frames costs at the seam, and whether the frames that are made fit in, on the embedded model, with its judge.

``python -m benchmarks.keep [--pictures] [--frames N] [--seeds N] [--families ...] [--set PATH=VALUE]``. For every family and
seed: a clip of three key states; its second state made again from another seed, in other words (`redo`); and the clip gone on
with, towards a fourth state (`extend`, by half its length). With ``--pictures``, from another seed: a clip whose first frame is a
picture of the first (`first`), one that goes on from the file of its first half (`clip`), and one between the files of its first
and last quarter (`bridge`). *error*: mean distance of the depicted stage from the story's, of the frames that were made, of those
at a new state's anchor, and of the parent's. *seam*: the mean absolute difference between neighbours of which one was kept and
one was made, as a share of the 95th percentile of the clip's other steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vstar_sdk import Result, Session, extended, load_spec, redone
from vstar_sdk.frame_ranges import frames_in
from vstar_sdk.miniworld.grammar import Key, families
from vstar_sdk.miniworld.judge import judge, stage_distance

Frames = NDArray[np.uint8]
FAMILIES = ("landscape", "balloon", "flower")


def keys_of(name: str) -> list[Key]:
    """Four key stages of a family, about evenly spaced."""
    keys = families()[name].keys
    return [keys[round(place * (len(keys) - 1) / 3)] for place in range(4)]


def caption(name: str, key: Key, build: int = 0) -> str:
    """A caption of a key, with the family's first colour."""
    family = families()[name]
    return key.captions[build].format(subject=family.subject.format(colour=family.colours[0] if family.colours else ""))


def frames_of(result: Result) -> Frames:
    """``(F, height, width, 3)``."""
    return np.stack(list(result.frames()))


def steps(frames: Frames) -> NDArray[np.float64]:
    """How far each frame is from the one before it, ``(F - 1,)``."""
    return np.abs(np.diff(frames.astype(np.float64), axis=0)).mean(axis=(1, 2, 3))


def error(name: str, frames: Frames, result: Result, stages: Sequence[float]) -> NDArray[Any]:
    """Of each frame, how far its stage is from the story's."""
    target = np.array(result.timeline.weights) @ np.array(stages)
    return stage_distance(families()[name], judge().stages(frames, name), target)


def placed(start: Any, frames: int) -> tuple[int, ...]:
    """The frames that are kept."""
    if start.keep is not None:
        return frames_in(start.keep, frames, 8.0)
    first = {"first": 1, "clip": frames // 2 if start.into is None else frames // 4}
    begun = range(max(first[key] for key in first if getattr(start, key)))
    return (*begun, *(range(frames - frames // 4, frames) if start.into else ()))


def measured(name: str, parent: Result, child: Result, stages: Sequence[float], known: Frames | None = None) -> dict[str, Any]:
    """The numbers of a clip that keeps frames of another; ``known``: what the decoder makes of those that it was given."""
    before, after = frames_of(parent), frames_of(child)
    assert child.spec.start is not None
    kept = placed(child.spec.start, len(after))
    made = sorted({*range(len(after))} - {*kept})
    jumps = steps(after)
    seams = [at - 1 for at in range(1, len(after)) if (at in made) != (at - 1 in made)]
    limit = float(np.percentile(np.delete(jumps, seams), 95))
    off = error(name, after, child, stages)
    return {
        "equal": bool(np.array_equal((before if known is None else known)[list(kept)], after[list(kept)])),
        "error": float(off[made].mean()),
        "anchor": float(np.mean([off[at] for at in child.timeline.anchors if at in made] or [float("nan")])),
        "parent": float(error(name, before, parent, stages[: parent.timeline.states]).mean()),
        "seams": [float(jumps[at]) / limit for at in seams],
        "parent_seams": [float(steps(before)[at]) / limit for at in seams if at + 1 < len(before)],
    }


def measure(names: Sequence[str], frames: int, seeds: int, overrides: Sequence[str]) -> list[dict[str, Any]]:
    """A record for every piece of work."""
    found: list[dict[str, Any]] = []
    with Session() as session, tempfile.TemporaryDirectory() as folder:
        for name in names:
            keys = keys_of(name)
            captions, stages = [caption(name, key) for key in keys], [key.at for key in keys]
            for seed in range(seeds):
                spec = {"synopsis": {"states": captions[:3]}, "frames": frames, "seed": seed, "output": []}
                out = Path(folder) / f"{name}-{seed}"
                parent = session.run(spec, out=out)
                redo = redone(out, 2, caption=caption(name, keys[1], build=1), seed=seed + 100)
                extend = extended(out, frames // 2, [captions[3]])
                for kind, changed, said in (("redo", redo, stages[:3]), ("extend", extend, stages)):
                    child = session.run(load_spec(changed, overrides=overrides))
                    record = {"kind": kind, "family": name, "seed": seed, **measured(name, parent, child, said)}
                    print(json.dumps(record), flush=True)
                    found.append(record)
    return found


def measure_pictures(names: Sequence[str], frames: int, seeds: int, overrides: Sequence[str]) -> list[dict[str, Any]]:
    """The same for pictures and clips in files."""
    found: list[dict[str, Any]] = []
    with Session() as session, tempfile.TemporaryDirectory() as folder:
        for name in names:
            keys = keys_of(name)[:3]
            captions, stages = [caption(name, key) for key in keys], [key.at for key in keys]
            for seed in range(seeds):
                spec = {"synopsis": {"states": captions}, "frames": frames, "seed": seed, "output": []}
                parent = session.run(spec)
                adapter: Any = parent.load()
                own = frames_of(parent)
                known = np.stack(list(adapter.decode(adapter.encode_frames(own))))
                clip, picture = Path(folder) / f"{name}-{seed}.mkv", Path(folder) / f"{name}-{seed}.png"
                write_clip(clip, own)
                Image.fromarray(own[0]).save(picture)
                half, quarter = frames // 2, frames // 4
                starts: dict[str, dict[str, Any]] = {
                    "first": {"first": str(picture)},
                    "clip": {"clip": str(clip), "clip_frames": f"0-{half - 1}"},
                    "bridge": {
                        "clip": str(clip),
                        "clip_frames": f"0-{quarter - 1}",
                        "into": str(clip),
                        "into_frames": f"{frames - quarter}-{frames - 1}",
                    },
                }
                for kind, start in starts.items():
                    child = session.run(load_spec(spec | {"seed": seed + 100, "start": start}, overrides=overrides))
                    record = {"kind": kind, "family": name, "seed": seed, **measured(name, parent, child, stages, known)}
                    print(json.dumps(record), flush=True)
                    found.append(record)
    return found


def write_clip(path: Path, frames: Frames) -> None:
    """Write a file that loses nothing."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264rgb", rate=8)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.options = "rgb24", {"qp": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def table(records: Sequence[dict[str, Any]]) -> str:
    """A row for every kind and family."""
    head = "| | kept frames equal | error | at the new state | the parent's | seam: median, largest | within | parent's there |"
    lines = [head, "|---|" + "---:|" * 7]
    for kind, family in dict.fromkeys((record["kind"], record["family"]) for record in records):
        rows = [record for record in records if (record["kind"], record["family"]) == (kind, family)]
        seams = np.array([seam for row in rows for seam in row["seams"]])
        own = np.array([seam for row in rows for seam in row["parent_seams"]])
        cells = [
            f"{kind}, {family}",
            f"{sum(row['equal'] for row in rows)} of {len(rows)}",
            *(f"{np.mean([row[key] for row in rows]):.3f}" for key in ("error", "anchor", "parent")),
            f"{np.median(seams):.2f}, {seams.max():.2f}",
            f"{(seams <= 1).sum()} of {len(seams)}",
            f"{np.median(own):.2f}, {own.max():.2f}" if len(own) else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print records and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="as in `vstar run`, for both")
    parser.add_argument("--pictures", action="store_true", help="pictures and clips in files")
    given = parser.parse_args()
    work = measure_pictures if given.pictures else measure
    print(table(work(given.families, given.frames, given.seeds, given.overrides)))


if __name__ == "__main__":
    main()
