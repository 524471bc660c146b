"""Measure a pipeline directory: ``python -m training.measure DIR --run RUN``.

Prints, for every family, how far the stage that 64 frames show is from the stage that their captions tell, judged by the
most similar renders of the world; and how much the denoising loss of held-out clips grows when temporal attention is made
uniform.
"""

import argparse
import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.data import random_frames_of
from training.denoiser import Denoiser, held_out_loss
from training.latents import Library
from training.sample import encode, load, sample, spread
from training.text import Captions
from training.unet import FloatAttention
from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.writer import read, write

PROMPTS = {
    "landscape": "a landscape from winter to autumn",
    "beach": "a beach from dawn to night",
    "volcano": "a volcano erupts and cools",
    "city": "the sun sets over a city",
    "flower": "a {colour} flower opens",
    "ball": "a {colour} ball rolls to the right",
}


def features(frames: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    """Colours of 8x8 fields: ``(N, 64, 64, 3)`` to ``(N, 192)``."""
    return frames.reshape(-1, 8, 8, 8, 8, 3).mean((2, 4)).reshape(len(frames), -1)


class Judge:
    """Reads the stage of a frame off the renders of its family that are most like it."""

    def __init__(self, family: Family, layouts: int = 700) -> None:
        self._family = family
        self._known, self._stages = self._renders(range(layouts))
        shown, stages = self._renders(range(10**6, 10**6 + 40))
        self.error = float(np.mean(self.distance(self._near(shown), stages)))

    def _renders(self, seeds: range) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        pairs = [random_frames_of(self._family, seed, 8) for seed in seeds]
        return np.concatenate([features(p[0]) for p in pairs]), np.concatenate([p[1] for p in pairs])

    def _near(self, shown: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        far = (shown**2).sum(1)[:, None] - 2 * shown @ self._known.T + (self._known**2).sum(1)
        near = self._stages[np.argsort(far, 1)[:, :9]]
        if not self._family.cyclic:
            return np.median(near, 1)
        return (np.angle(np.exp(2j * np.pi * near).mean(1)) / (2 * np.pi)) % 1.0

    def stages(self, frames: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        """The stage of each frame."""
        return self._near(features(frames))

    def distance(self, a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """How far stages are apart."""
        off = np.abs(a - b)
        return np.minimum(off % 1, 1 - off % 1) if self._family.cyclic else off


class UniformAttention(FloatAttention):
    """Attention that takes the mean of all values."""

    def __call__(self, attn: Any, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As for any attention processor."""
        del args, kwargs
        return attn.to_out[0](attn.to_v(hidden_states).mean(1, keepdim=True).expand(-1, hidden_states.shape[1], -1))


def attention_matters(pipe: Any, run: Path) -> None:
    """Print losses of held-out clips with trained and with uniform temporal attention."""
    captions = Captions(pipe.tokenizer)
    held_out = Library(run / "latents", 16, stream=0)
    held_out.grow(32, pipe.vae)
    test = held_out.all(captions)
    uniform = copy.deepcopy(pipe.unet)
    uniform.set_attn_processor(
        {name: UniformAttention() if "temp_attentions" in name else FloatAttention() for name in uniform.attn_processors}
    )
    for step in (200, 500, 800):
        losses = [
            held_out_loss(Denoiser(unet, pipe.text_encoder, captions), test, bf16=False, step=step)
            for unet in (pipe.unet, uniform)
        ]
        print(
            f"t {step}: loss {losses[0]:.4f}, with uniform temporal attention {losses[1]:.4f} ({losses[1] / losses[0]:.2f} times)"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", type=Path, help="folder of the run, for its held-out clips")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=64)
    args = parser.parse_args()
    pipe = load(args.folder)
    if args.run is not None:
        attention_matters(pipe, args.run)
    for family in families().values():
        judge = Judge(family)
        told, plain, moved, seconds = [], [], [], 0.0
        for seed in range(args.seeds):
            colour = family.colours[seed % len(family.colours)] if family.colours else ""
            prompt = PROMPTS.get(family.name, f"a {{colour}} {family.name}").format(colour=colour)
            reading = read(prompt)
            target = np.linspace(reading.start, reading.end, args.frames)
            start = time.time()
            text = spread(encode(pipe, [state.caption for state in write(prompt).states]), args.frames)
            frames = sample(pipe, text, seed)
            seconds += time.time() - start
            told.append(judge.distance(judge.stages(frames), target).mean())
            moved.append(np.abs(frames[-1].astype(float) - frames[0]).mean())
            frames = sample(pipe, encode(pipe, [prompt]).expand(args.frames, -1, -1), seed)
            plain.append(judge.distance(judge.stages(frames), target).mean())
        print(
            f"{family.name}: stage error {np.mean(told):.3f} with its synopsis, {np.mean(plain):.3f} with the prompt alone; "
            f"judge's own {judge.error:.3f}; |last - first| {np.mean(moved):.0f} of 255; {seconds / args.seeds:.1f} s a clip"
        )


if __name__ == "__main__":
    main()
