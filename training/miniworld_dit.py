"""Train the joint sibling of the embedded model: ``python -m training.miniworld_dit --out DIR``.

It takes the VAE and the text of a finished miniworld as they are, and sees clips of 16 frames only.
"""

import argparse
import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch.multiprocessing.spawn import spawn
from transformers import CLIPTextModel, CLIPTokenizer

from training.data import NATIVE
from training.denoiser import Batch
from training.flow import Flow, HeldOut, train_flow
from training.latents import CHUNK, Library
from training.parallel import join, logger, wait
from training.stage import Schedule
from training.text import Captions, caption_table
from training.transformer import begun_transformer, new_transformer
from vstar_sdk.miniworld.parts import WEIGHTS

TOLD = 0.57
"""How many clips one caption tells as a whole."""

GROW_EVERY = 150
"""Steps after which a chunk of clips more is encoded."""


@dataclass(frozen=True)
class Plan:
    """How much of everything, for each process. A stage ends after its steps, or seconds."""

    processes: int = 2
    first_clips: int = 600
    clips: int = 4000
    held_out: int = 32
    image_steps: int = 225
    clip_steps: int = 14000
    image_batch: int = 80
    clip_batch: int = 7
    rate: float = 1.2e-3
    """The highest learning rate on clips."""
    small: bool = False
    marker: bool = True
    compiled: bool = True
    base: Path = WEIGHTS
    """A pipeline of miniworld."""
    start: Path | None = None
    """A pipeline whose transformer is trained on, with clips only."""
    encoded: Path | None = None
    """Where encoded clips are kept, if not with the run."""


SMOKE = Plan(
    processes=1,
    first_clips=6,
    clips=6,
    held_out=8,
    image_steps=4,
    clip_steps=4,
    image_batch=4,
    clip_batch=2,
    small=True,
    compiled=False,
)
"""Every stage, tiny: for a test."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and log")
    parser.add_argument("--base", type=Path, default=WEIGHTS, help="a pipeline of miniworld, whose VAE and text it takes")
    parser.add_argument("--smoke", action="store_true", help="every stage tiny, in one process")
    parser.add_argument("--resume", action="store_true", help="continue a run; without it OUT must be empty")
    parser.add_argument("--processes", type=int, default=Plan.processes, help="each with one thread")
    parser.add_argument("--clip-steps", type=int, help=f"of all runs, {Plan.clip_steps} without it; fewer end a run sooner")
    parser.add_argument("--start", type=Path, help="a pipeline whose transformer is trained on; images are left out")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="the highest learning rate on clips")
    parser.add_argument("--encoded", type=Path, help="a folder for encoded clips that several runs share; OUT without it")
    parser.add_argument("--clips", type=int, help="for each process: all encoded before the first step, and no more later")
    parser.add_argument("--no-marker", action="store_true", help="do not tell it which frame is the first: an ablation")
    args = parser.parse_args()
    plan = SMOKE if args.smoke else Plan(processes=args.processes)
    plan = replace(plan, base=args.base, start=args.start, encoded=args.encoded, rate=args.rate, marker=not args.no_marker)
    plan = replace(plan, clip_steps=args.clip_steps or plan.clip_steps)
    if args.clips:
        plan = replace(plan, first_clips=args.clips, clips=args.clips)
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.resume and any(args.out.iterdir()):
        parser.error(f"{args.out} is not empty: continue it with --resume, or choose another folder")
    if plan.processes == 1:
        run(0, plan, args.out)
    else:
        spawn(run, (plan, args.out), nprocs=plan.processes)


def run(rank: int, plan: Plan, folder: Path) -> None:
    """All stages, as process ``rank``; what is already done is read from its checkpoints."""
    join(rank, plan.processes, 29513)
    log = logger(folder)
    vae = AutoencoderKL.from_pretrained(plan.base / "vae", torch_dtype=torch.float32).eval()
    encoder = CLIPTextModel.from_pretrained(plan.base / "text_encoder", dtype=torch.float32).eval()
    captions = Captions(CLIPTokenizer.from_pretrained(plan.base / "tokenizer"))
    kept = plan.encoded or folder
    library = Library(kept / "latents", NATIVE, stream=rank + 1, told=TOLD)
    library.grow(min(max(plan.first_clips, library.kept()), plan.clips), vae)
    held_out = Library(kept / "held-out", NATIVE, stream=0, told=TOLD)
    if rank == 0:
        held_out.grow(plan.held_out, vae)
    wait()
    held_out.grow(plan.held_out, vae)
    log(f"process {rank}: {len(library.clips)} clips encoded")
    torch.manual_seed(0)
    table = caption_table(encoder, captions)
    begun = new_transformer(plan.small, plan.marker) if plan.start is None else begun_transformer(plan.start, plan.marker)
    model = Flow(begun, table)
    slow = copy.deepcopy(model)
    test = HeldOut(held_out.all(captions, at_once=False), changes(held_out, captions))
    if plan.start is None:
        train_flow(
            *(model, slow, library.draw(plan.image_batch, captions, frames=1, at_once=False), test),
            path=folder / "images.pt",
            name="images",
            schedule=Schedule(rate=2e-3, seconds=math.inf, steps=plan.image_steps),
            rank=rank,
            log=log,
        )
    if plan.compiled:  # halves a step; the first one takes minutes
        for block in model.transformer.blocks:
            block.compile(dynamic=False)
    train_flow(
        *(model, slow, _growing(library, plan, vae, library.draw(plan.clip_batch, captions)), test),
        path=folder / "clips.pt",
        name="clips",
        schedule=Schedule(rate=plan.rate, seconds=math.inf, steps=plan.clip_steps, lag=5),
        rank=rank,
        log=log,
    )
    wait()


def changes(held_out: Library, captions: Captions) -> Batch:
    """The held-out clips that one caption tells."""
    batch = held_out.all(captions)
    told = torch.tensor([clip.change is not None for clip in held_out.clips])
    return Batch(*(part[told] for part in (batch.latents, batch.low, batch.high, batch.weight)))


def _growing(
    library: Library, plan: Plan, vae: AutoencoderKL, draw: Callable[[torch.Generator], Batch]
) -> Callable[[torch.Generator], Batch]:
    """A function that draws batches, and now and then encodes more clips to draw from."""
    drawn = 0

    def pick(generator: torch.Generator) -> Batch:
        nonlocal drawn
        drawn += 1
        if drawn % GROW_EVERY == 0 and len(library.clips) < plan.clips:
            library.grow(min(len(library.clips) + CHUNK, plan.clips), vae)
        return draw(generator)

    return pick


if __name__ == "__main__":
    main()
