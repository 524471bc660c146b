"""Look at a pipeline directory: ``python -m training.sample DIR --prompt "..." --out strip.png``.

Each frame has its own text: the captions that the world's writer makes of the prompt, interpolated. With ``--plain`` every
frame gets the prompt itself.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from PIL import Image, ImageDraw
from torch import Tensor

from training.unet import FloatAttention, new_scheduler, text_per_frame
from vstar_sdk.miniworld.writer import write


def load(folder: Path) -> Any:
    """The pipeline in float32, on the CPU."""
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.unet.set_attn_processor(FloatAttention())
    return pipe


@torch.no_grad()
def encode(pipe: Any, captions: list[str]) -> Tensor:
    """Embeddings of captions: ``(K, tokens, dim)``."""
    tokens = pipe.tokenizer(
        captions, padding="max_length", max_length=pipe.tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    return pipe.text_encoder(input_ids=tokens.input_ids).last_hidden_state.float()


def spread(states: Tensor, frames: int) -> Tensor:
    """Key states ``(K, tokens, dim)`` interpolated evenly over frames: ``(F, tokens, dim)``."""
    at = torch.linspace(0, len(states) - 1, frames)
    low = at.floor().long().clamp_max(max(len(states) - 2, 0))
    high = (low + 1).clamp_max(len(states) - 1)
    return torch.lerp(states[low], states[high], (at - low).view(-1, 1, 1))


@torch.no_grad()
def sample(pipe: Any, text: Tensor, seed: int, steps: int = 25, guidance: float = 4.0) -> np.ndarray:
    """Sample one clip by DDIM, eta 0.

    Args:
        pipe: the pipeline.
        text: embeddings, ``(F, tokens, dim)``.
        seed: of the noise.
        steps: of the schedule.
        guidance: classifier-free guidance scale.

    Returns:
        uint8 frames, ``(F, 64, 64, 3)``.
    """
    frames = len(text)
    scheduler: Any = new_scheduler()
    scheduler.set_timesteps(steps)
    x = torch.randn(1, 16, frames, 8, 8, generator=torch.Generator().manual_seed(seed))
    empty = encode(pipe, [""]).expand(frames, -1, -1)
    both = torch.cat([empty, text])
    with text_per_frame(pipe.unet, both):
        for t in scheduler.timesteps:
            away, near = pipe.unet(torch.cat([x, x]), t, both[:2], return_dict=False)[0].chunk(2)
            x = scheduler.step(away + guidance * (near - away), t, x, eta=0.0, return_dict=False)[0]
    pictures = [pipe.vae.decode(part).sample for part in x[0].transpose(0, 1).split(16)]
    unit = torch.cat(pictures).clamp(-1, 1).permute(0, 2, 3, 1)
    return ((unit + 1) * 127.5).round().to(torch.uint8).numpy()


def strip(clips: list[tuple[str, np.ndarray]], columns: int, zoom: int = 1) -> Image.Image:
    """Rows of evenly chosen frames, each under its label."""
    size = 64 * zoom
    sheet = Image.new("RGB", (columns * size, len(clips) * (size + 12)), "white")
    for row, (label, frames) in enumerate(clips):
        ImageDraw.Draw(sheet).text((2, row * (size + 12)), label, fill="black")
        for column, at in enumerate(np.linspace(0, len(frames) - 1, columns).round().astype(int)):
            picture = Image.fromarray(frames[at]).resize((size, size), Image.Resampling.NEAREST)
            sheet.paste(picture, (column * size, row * (size + 12) + 12))
    return sheet


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompt", action="append", required=True, help="may be given several times")
    parser.add_argument("--plain", action="store_true", help="one text for all frames: the prompt itself")
    parser.add_argument("--states", type=int)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("strip.png"))
    args = parser.parse_args()
    pipe = load(args.folder)
    rows: list[tuple[str, np.ndarray]] = []
    for prompt in args.prompt:
        captions = [prompt] if args.plain else [state.caption for state in write(prompt, args.states).states]
        for seed in range(args.seeds):
            start = time.time()
            text = spread(encode(pipe, captions), args.frames)
            frames = sample(pipe, text, seed, args.steps, args.guidance)
            print(f"{prompt!r} seed {seed}: {args.frames} frames in {time.time() - start:.1f} s")
            rows.append((f"{'plain: ' if args.plain else ''}{prompt} (seed {seed})", frames))
    strip(rows, args.columns).save(args.out)


if __name__ == "__main__":
    main()
