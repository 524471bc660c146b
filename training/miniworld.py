"""Train the embedded model and its judge, from scratch or from earlier weights: ``python -m training.miniworld --out DIR``."""

import argparse
import copy
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch.multiprocessing.spawn import spawn

from training.data import Frames, stored_frames
from training.denoiser import Denoiser, train_denoiser
from training.export import export
from training.judge import train_judge
from training.latents import Library, fold_standardisation
from training.parallel import Log, join, logger, wait
from training.plan import SMOKE, Plan
from training.text import Captions, new_text_encoder, run_tokenizer
from training.unet import new_unet
from training.vae import finished_vae, train_vae

STAGES = ("vae", "judge", "single", "short", "clip", "long")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and log; the model goes to OUT/pipeline")
    parser.add_argument("--start", type=Path, help="a pipeline directory whose VAE and UNet are trained on")
    parser.add_argument("--smoke", action="store_true", help="every stage tiny, in one process")
    parser.add_argument("--resume", action="store_true", help="continue a run; without it OUT must be empty")
    parser.add_argument("--processes", type=int, default=Plan.processes, help="each with one thread")
    for stage in STAGES:
        parser.add_argument(f"--{stage}-seconds", type=float, default=getattr(Plan, f"{stage}_seconds"))
    args = parser.parse_args()
    seconds = {f"{stage}_seconds": getattr(args, f"{stage}_seconds") for stage in STAGES}
    plan = replace(SMOKE, start=args.start) if args.smoke else Plan(processes=args.processes, start=args.start, **seconds)
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.resume and any(args.out.iterdir()):
        parser.error(f"{args.out} is not empty: continue it with --resume, or choose another folder")
    if plan.processes == 1:
        run(0, plan, args.out)
    else:
        spawn(run, (plan, args.out), nprocs=plan.processes)


def run(rank: int, plan: Plan, folder: Path) -> None:
    """All stages, as process ``rank``; what is already done is read from its checkpoints."""
    join(rank, plan.processes, 29511)
    log = logger(folder)
    tokenizer = run_tokenizer(folder, rank)
    captions = Captions(tokenizer)
    vae = _vae(rank, plan, folder, log)
    train_judge(_frames(folder, plan, rank), _held_out(folder, rank), vae, folder, plan, log, rank)
    wait()
    library = Library(folder / "latents", 16, stream=rank + 1)
    library.grow(plan.first_clips, vae)
    held_out = Library(folder / "latents", 16, stream=0)
    if rank == 0:
        held_out.grow(plan.held_out, vae)
    wait()
    if rank != 0:
        held_out.grow(plan.held_out, vae)
    log(f"process {rank}: {len(library.clips)} clips encoded")
    torch.manual_seed(0)
    model = Denoiser(new_unet(plan.small, plan.start), new_text_encoder(tokenizer), captions)
    slow = copy.deepcopy(model)
    test = held_out.all(captions)
    common = {"test": test, "steps": plan.steps, "rank": rank, "log": log}
    draw = library.draw(plan.single_batch, captions, frames=1)
    train_denoiser(
        *(model, slow, draw),
        path=folder / "single.pt",
        name="single frames",
        rate=1.5e-3,
        seconds=plan.single_seconds,
        temporal=False,
        **common,
    )
    library.grow(plan.clips, vae)
    wait()
    draw = library.draw(plan.short_batch, captions, frames=8)
    train_denoiser(
        *(model, slow, draw),
        path=folder / "short.pt",
        name="short clips",
        rate=1e-3,
        floor=0.4,
        seconds=plan.short_seconds,
        temporal=True,
        **common,
    )
    draw = library.draw(plan.clip_batch, captions)
    train_denoiser(
        *(model, slow, draw),
        path=folder / "clips.pt",
        name="clips",
        rate=6e-4,
        seconds=plan.clip_seconds,
        temporal=True,
        **common,
    )
    longer = Library(folder / "latents", 32, stream=rank + 1)
    longer.grow(plan.long_clips, vae)
    wait()
    draw = longer.draw(plan.long_batch, captions)
    train_denoiser(
        *(model, slow, draw),
        path=folder / "long.pt",
        name="long clips",
        rate=2e-4,
        seconds=plan.long_seconds,
        temporal=True,
        **common,
    )
    if rank == 0:
        export(folder / "pipeline", vae, slow, tokenizer, plan.small)
        shutil.copytree(folder / "judge", folder / "pipeline" / "judge", dirs_exist_ok=True)
        log(f"exported to {folder / 'pipeline'}")
    wait()


def _vae(rank: int, plan: Plan, folder: Path, log: Log) -> AutoencoderKL:
    """The finished VAE, trained first if it is not there; latents are standardised."""
    done = folder / "vae"
    if not (done / "config.json").exists():
        frames = _frames(folder, plan, rank).pictures
        test = _held_out(folder, rank).pictures
        wait()
        train_vae(frames, test, folder, plan, log, rank)
        wait()
        if rank == 0:
            vae = finished_vae(folder, plan.small)
            fold_standardisation(vae, torch.from_numpy(frames[:4096]))
            shutil.rmtree(folder / "vae.new", ignore_errors=True)
            vae.save_pretrained(folder / "vae.new")
            (folder / "vae.new").rename(done)
        wait()
    return AutoencoderKL.from_pretrained(done).eval()


def _frames(folder: Path, plan: Plan, rank: int) -> Frames:
    return stored_frames(folder / f"frames{rank}.npz", plan.layouts, rank + 1)


def _held_out(folder: Path, rank: int) -> Frames:
    return stored_frames(folder / f"held{rank}.npz", 96, 999)


if __name__ == "__main__":
    main()
