"""What the mark on the first frame is for in miniworld-dit: ``python -m benchmarks.mark ARM=DIR ... --encoded DIR``.

Every arm is a pipeline made by ``training.export_dit``; `ARMS` says which there are. Two things are measured of each:

*Held-out losses* of the same clips with the same noise, at the shares of noise of `training.flow.LEVELS`, with a text for every
frame, and where one caption tells a change.
*The order* of 16 frames told by one prompt, with `training.gates`: three seeds of every family.

Differences are paired by clip, or by family and seed; intervals: 95 %, by bootstrap over these. They say how far clips and seeds
matter, and nothing of another training. Records are kept line by line: an arm that has some is not measured again.
``--report`` prints the tables of what there is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from benchmarks.lines import read_lines
from benchmarks.nursing.report import fill
from training.data import NATIVE
from training.export_dit import export
from training.flow import LEVELS, Flow
from training.gates import Trial, make
from training.latents import Library
from training.miniworld_dit import TOLD, changes
from training.text import Captions, caption_table
from training.transformer import begun_transformer, is_marked
from vstar_sdk import Session
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.parts import WEIGHTS

ARMS: Mapping[str, str] = {
    "shipped": "shipped",
    "silenced": "shipped, mark of 0",
    "marked": "trained on, marked",
    "unmarked": "trained on, unmarked",
    "scratch-marked": "from nothing, marked",
    "scratch-unmarked": "from nothing, unmarked",
}
"""Their names in tables. ``silenced`` is given as the folder of ``shipped``, and its mark is taken away here."""
PAIRS = (("silenced", "shipped"), ("marked", "shipped"), ("unmarked", "marked"), ("scratch-unmarked", "scratch-marked"))
"""Which is compared with which."""
RECORDS = Path(__file__).parent / "results" / "mark.jsonl"
PAGE = Path(__file__).parents[1] / "training" / "README.md"
IN_ORDER = 0.9
ORDER, ERROR = "order", "error"

Record = dict[str, Any]


@torch.no_grad()
def losses(folder: Path, encoded: Path, count: int) -> list[Record]:
    """Held-out losses of an arm, a record for every clip and way of telling it."""
    vae = AutoencoderKL.from_pretrained(WEIGHTS / "vae", torch_dtype=torch.float32).eval()
    encoder = CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder", dtype=torch.float32).eval()
    captions = Captions(CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer"))
    library = Library(encoded / "held-out", NATIVE, stream=0, told=TOLD)
    library.grow(count, vae)
    flow = Flow(begun_transformer(folder, is_marked(folder)).eval(), caption_table(encoder, captions))
    told = {"each": library.all(captions, at_once=False), "once": changes(library, captions)}
    lines: list[Record] = []
    for name, batch in told.items():
        found = torch.stack([flow.errors(batch, torch.Generator().manual_seed(0), level) for level in LEVELS], 1)
        lines += [{"told": name, "clip": clip, "losses": [round(v, 5) for v in row]} for clip, row in enumerate(found.tolist())]
    return lines


def orders(folder: Path, seeds: int) -> list[Record]:
    """The numbers of clips of 16 frames told by one prompt, a record for each."""
    plugin, lines = Trial(folder), list[Record]()
    with Session() as session:
        for family in families().values():
            for seed in range(seeds):
                clip = make(session, plugin, family, seed, NATIVE, "none")
                lines.append({"family": family.name, "seed": seed, ORDER: clip.order, ERROR: clip.error, "scene": clip.scene})
    return lines


def silenced(folder: Path, into: Path) -> Path:
    """The pipeline of a folder with its mark taken away, and nothing else changed."""
    state = begun_transformer(folder, marker=False).state_dict()
    export(into, {f"transformer.{name}": value for name, value in state.items()})
    return into


def measure(arms: Mapping[str, Path], encoded: Path, count: int, seeds: int, records: Path) -> None:
    """Record what is not recorded yet."""
    done = {one["arm"] for one in read_lines(records)}
    for arm, folder in arms.items():
        if arm in done:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            used = silenced(folder, Path(temporary)) if arm == "silenced" else folder
            lines = [*losses(used, encoded, count), *orders(used, seeds)]
        with records.open("a") as file:
            file.writelines(json.dumps({"arm": arm} | line) + "\n" for line in lines)
        print(f"{arm}: {len(lines)} records", flush=True)


def values(lines: Sequence[Record], arm: str, what: str) -> dict[Any, float]:
    """One number of an arm by clip, or family and seed; ``what``: `ORDER`, `ERROR`, or ``each .3`` and the like."""
    own = [one for one in lines if one["arm"] == arm]
    if what in (ORDER, ERROR):
        return {(one["family"], one["seed"]): one[what] for one in own if what in one}
    told, level = what.split()
    at = LEVELS.index(float(level))
    return {one["clip"]: one["losses"][at] for one in own if one.get("told") == told}


def story_table(lines: Sequence[Record]) -> str:
    """How the clips of one prompt went."""
    rows = ["| weights | order | in order | error |", "|---|---:|---:|---:|"]
    for arm, title in ARMS.items():
        order, error = (list(values(lines, arm, what).values()) for what in (ORDER, ERROR))
        if order:
            good = sum(value >= IN_ORDER for value in order)
            rows.append(f"| {title} | {_mean(order, 2)} | {good} of {len(order)} | {_mean(error, 3)} |")
    return "\n".join(rows)


def loss_table(lines: Sequence[Record], told: str) -> str:
    """Losses by share of noise, and the differences of `PAIRS`."""
    rows = ["| weights | " + " | ".join(f"{level:g}" for level in LEVELS) + " |", "|---|" + "---:|" * len(LEVELS)]
    for arm, title in ARMS.items():
        own = [list(values(lines, arm, f"{told} {level:g}").values()) for level in LEVELS]
        if own[0]:
            rows.append(f"| {title} | " + " | ".join(f"{sum(some) / len(some):.3f}" for some in own) + " |")
    for arm, other in PAIRS:
        cells = [_difference(lines, arm, other, f"{told} {level:g}", 4) for level in LEVELS]
        if all(cells):
            rows.append(f"| {ARMS[arm]} - {ARMS[other]} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def difference_table(lines: Sequence[Record]) -> str:
    """Paired differences of the clips of one prompt."""
    rows = ["| difference | order | error |", "|---|---:|---:|"]
    for arm, other in PAIRS:
        cells = [_difference(lines, arm, other, what, 3) for what in (ORDER, ERROR)]
        if all(cells):
            rows.append(f"| {ARMS[arm]} - {ARMS[other]} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _difference(lines: Sequence[Record], arm: str, other: str, what: str, places: int) -> str:
    """A paired difference with its interval, in bold where 0 is not in it; empty where one of both is missing."""
    one, two = values(lines, arm, what), values(lines, other, what)
    pairs = [one[key] - two[key] for key in one if key in two]
    if not pairs:
        return ""
    found = interval(pairs)
    text = f"{found.mean:+.{places}f} ({found.low:+.{places}f} to {found.high:+.{places}f})"
    return text if found.holds_zero else f"**{text}**"


def _mean(some: Sequence[float], places: int) -> str:
    found = interval(some)
    return f"{found.mean:.{places}f} ({found.low:.{places}f} to {found.high:.{places}f})"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="*", metavar="ARM=DIR", help="of " + ", ".join(ARMS))
    parser.add_argument("--encoded", type=Path, help="where encoded clips are kept")
    parser.add_argument("--held-out", type=int, default=96, help="clips for the losses")
    parser.add_argument("--seeds", type=int, default=3, help="of every family")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--report", action="store_true", help="print what is recorded, and make nothing")
    parser.add_argument("--fill", action="store_true", help="write the tables into training/README.md")
    args = parser.parse_args()
    arms = {name: Path(folder) for name, _, folder in (arm.partition("=") for arm in args.arms)}
    if unknown := set(arms) - set(ARMS):
        parser.error(f"no such arm: {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    if not args.report:
        if not arms or args.encoded is None:
            parser.error("give arms to measure and --encoded, or --report")
        measure(arms, args.encoded, args.held_out, args.seeds, args.records)
    lines = read_lines(args.records)
    tables = {
        "mark-story": story_table(lines) + "\n\n" + difference_table(lines),
        "mark-each": loss_table(lines, "each"),
        "mark-once": loss_table(lines, "once"),
    }
    print("\n\n".join(tables.values()))
    if args.fill:
        fill(PAGE, tables)


if __name__ == "__main__":
    main()
