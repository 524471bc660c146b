"""Train the upscaler of the embedded world: ``python -m training.upscale --out DIR``.

It takes the VAE of a finished miniworld as it is. The newest weights are written as ``DIR/model.safetensors``.
"""

import argparse
import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor

from training.pairs import LAYOUTS, Pairs
from training.parallel import join, logger
from training.precision import mixed
from training.stage import Schedule, train
from training.vae import picture_loss, to_unit
from vstar_sdk.miniworld.parts import WEIGHTS
from vstar_sdk.miniworld.upscaling.network import UpscalerNet, bilinear
from vstar_sdk.weights.directory import file_hash

VAE = "vae/diffusion_pytorch_model.safetensors"
"""The file whose decoder the upscaler was trained behind; its hash is kept with the upscaler's weights."""

HELD_OUT = 90000
"""Number of the first chunk of held-out pairs."""

GROW_EVERY = 120
"""Steps after which a chunk of pairs more is made."""


@dataclass(frozen=True)
class Plan:
    """How much of everything. Times are wall clock in seconds."""

    seconds: float = 1500
    steps: int = 10**9
    first_chunks: int = 4
    chunks: int = 18
    layouts: int = LAYOUTS
    batch: int = 8
    width: int = 32
    blocks: int = 4
    rate: float = 3e-3
    base: Path = WEIGHTS
    """A pipeline of miniworld."""


SMOKE = Plan(steps=6, first_chunks=1, chunks=2, layouts=2, batch=2, width=8, blocks=1)
"""Everything, tiny: for a test."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint, pairs, log and weights")
    parser.add_argument("--base", type=Path, default=WEIGHTS, help="a pipeline of miniworld, whose VAE it takes")
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of all runs, wall clock")
    parser.add_argument("--smoke", action="store_true", help="everything tiny")
    parser.add_argument("--resume", action="store_true", help="continue a run; without it OUT must be empty")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.resume and any(args.out.iterdir()):
        parser.error(f"{args.out} is not empty: continue it with --resume, or choose another folder")
    run(replace(SMOKE if args.smoke else Plan(), seconds=args.seconds, base=args.base), args.out)


def run(plan: Plan, folder: Path) -> None:
    """Train, and write the weights whenever the log is written; what is already done is read from the folder."""
    join(0, 1, 0)
    log = logger(folder)
    vae = AutoencoderKL.from_pretrained(plan.base / "vae", torch_dtype=torch.float32).eval()
    pairs = Pairs(folder / "pairs", vae, plan.layouts)
    pairs.grow(max(plan.first_chunks, pairs.kept()))
    held_out = Pairs(folder / "held-out", vae, plan.layouts, first=HELD_OUT)
    held_out.grow(1)
    test = held_out.chunks[0]
    log(f"{len(pairs)} pairs; held-out, enlarged bilinearly: {decibels(bilinear, test)}")
    torch.manual_seed(0)
    net = UpscalerNet(plan.width, plan.blocks).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    slow = copy.deepcopy(net)
    drawn = 0

    def loss(generator: torch.Generator) -> Tensor:
        nonlocal drawn
        drawn += 1
        if drawn % GROW_EVERY == 0 and len(pairs.chunks) < plan.chunks:
            pairs.grow(len(pairs.chunks) + 1)
        shown, small, large = map(to_unit, pairs.draw(plan.batch, generator))
        with mixed():
            out = net(shown.contiguous(memory_format=torch.channels_last))
        return losses(out.float(), small, large)

    def report(step: int, spent: float, value: float) -> None:
        if step % 100 == 0:
            export(folder / "model.safetensors", slow, plan.base, step)
            log(f"step {step} {spent:.0f}s loss {value:.4f} {len(pairs)} pairs; held-out {decibels(slow, test)}")

    schedule = Schedule(rate=plan.rate, seconds=plan.seconds, steps=plan.steps, floor=0.01, weight_decay=1e-4)
    step, spent = train(net, slow, loss, folder / "upscale.pt", schedule, seed=1, rank=0, report=report)
    export(folder / "model.safetensors", slow, plan.base, step)
    log(f"done: {step} steps in {spent:.0f}s, {len(pairs)} pairs; held-out {decibels(slow, test)}")


@torch.inference_mode()
def decibels(net: Callable[[Tensor], Tensor], test: tuple[Tensor, ...]) -> str:
    """Mean PSNR at twice the size and, by the mean of areas, at the world's own size."""
    large: list[Tensor] = []
    small: list[Tensor] = []
    for shown, own, twice in zip(*(map(to_unit, kind.split(32)) for kind in test), strict=True):
        out = net(shown).clamp(-1, 1)
        large.append(_psnr(out, twice))
        small.append(_psnr(functional.avg_pool2d(out, 2), own))
    return f"{float(torch.cat(large).mean()):.2f} dB, {float(torch.cat(small).mean()):.2f} dB at 64 pixels"


def _psnr(out: Tensor, truth: Tensor) -> Tensor:
    return -10 * ((out - truth) / 2).square().mean((1, 2, 3)).clamp_min(1e-10).log10()


def losses(out: Tensor, small: Tensor, large: Tensor) -> Tensor:
    """`picture_loss` at twice the size, and half as much of it at the world's own size, by the mean of areas.

    Args:
        out: of the network, ``(B, 3, 128, 128)``.
        small: the render at 64 pixels.
        large: the render at 128 pixels.
    """
    return picture_loss(out, large) + 0.5 * picture_loss(functional.avg_pool2d(out, 2), small)


def export(path: Path, net: UpscalerNet, base: Path, step: int) -> None:
    """Write weights in float16, with the network's size, the steps and the hash of the VAE that it was trained behind.

    Args:
        path: replaced if it exists.
        net: the averaged network.
        base: the pipeline of miniworld that it was trained with.
        step: after how many steps.
    """
    about = {"width": net.enter.out_channels, "blocks": len(net.blocks), "steps": step, "vae": file_hash(base / VAE)}
    state: dict[str, Any] = {key: value.half().contiguous() for key, value in net.state_dict().items()}
    new = path.with_suffix(".new")
    save_file(state, new, metadata={key: str(value) for key, value in about.items()})
    new.rename(path)


if __name__ == "__main__":
    main()
