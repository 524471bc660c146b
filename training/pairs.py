"""What the upscaler is trained on: pictures of the world as the model's decoder shows them, and the same drawn twice as large."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data import draw_clip, draw_family
from training.vae import to_unit
from vstar_sdk.miniworld.grammar import Family
from vstar_sdk.miniworld.world import scene

PLAIN = 0.15
"""How many inputs are renders as they are, without encoder and decoder."""

MOST_NOISE = 0.25
"""Standard deviation of the noise in the latents of the most disturbed inputs: generated latents are no encodings. Half of the
inputs have less than a quarter of it."""

LAYOUTS = 64
"""Layouts of a chunk."""

FRAMES = 4
"""Frames of a layout."""


def render(rng: np.random.Generator, family: Family | None = None) -> tuple[Tensor, Tensor]:
    """Frames of one clip of `draw_clip`, at places drawn at random.

    Args:
        rng: draws layout, course, camera and places.
        family: any without it.

    Returns:
        uint8 ``(FRAMES, 64, 64, 3)`` and ``(FRAMES, 128, 128, 3)``: the same pictures.
    """
    clip = draw_clip(rng, 16, family or draw_family(rng))
    at = np.sort(rng.choice(16, FRAMES, replace=False))
    layout = scene(clip.family, clip.seed)
    small, large = (layout.render(clip.stages[at], clip.clock[at], clip.pan[at], scale=scale) for scale in (1, 2))
    return torch.from_numpy(small), torch.from_numpy(large)


def to_bytes(pictures: Tensor) -> Tensor:
    """Float ``(B, 3, H, W)`` in [-1, 1] to uint8 ``(B, H, W, 3)``."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@torch.no_grad()
def as_shown(vae: Any, pictures: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures through encoder and decoder.

    Args:
        vae: of miniworld.
        pictures: uint8 ``(B, 64, 64, 3)``.
        noise: standard deviation of the noise in each one's latents, ``(B,)``.
        generator: of the noise.

    Returns:
        uint8 ``(B, 64, 64, 3)``.
    """
    shown: list[Tensor] = []
    for part, share in zip(pictures.split(32), noise.split(32), strict=True):
        mean = vae.encode(to_unit(part)).latent_dist.mean
        disturbed = mean + share.view(-1, 1, 1, 1) * torch.randn(mean.shape, generator=generator)
        shown.append(to_bytes(vae.decode(disturbed).sample))
    return torch.cat(shown)


class Pairs:
    """Pairs of pictures, kept in a folder chunk by chunk; a chunk is the same for the same number.

    Args:
        folder: of the chunks.
        vae: of miniworld.
        layouts: of a chunk.
        first: number of the first chunk: other chunks are of other layouts.
    """

    def __init__(self, folder: Path, vae: Any, layouts: int = LAYOUTS, first: int = 0) -> None:
        self._folder, self._vae, self._layouts, self._first = folder, vae, layouts, first
        folder.mkdir(parents=True, exist_ok=True)
        self.chunks: list[tuple[Tensor, ...]] = []

    def __len__(self) -> int:
        return sum(len(chunk[0]) for chunk in self.chunks)

    def kept(self) -> int:
        """How many chunks lie in the folder."""
        return len([*self._folder.glob("chunk-*.npz")])

    def grow(self, chunks: int) -> None:
        """Have at least so many chunks; those that are in the folder are read, others made."""
        while len(self.chunks) < chunks:
            number = self._first + len(self.chunks)
            path = self._folder / f"chunk-{number:05d}.npz"
            if not path.exists():
                new = path.with_name(f"new-{path.name}")
                np.savez(new, **dict(zip(_KINDS, self._made(number), strict=True)))
                new.rename(path)
            with np.load(path) as file:
                self.chunks.append(tuple(torch.from_numpy(file[name]) for name in _KINDS))

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Pairs at random, half of them mirrored.

        Returns:
            uint8: inputs and the renders that they show, ``(count, 64, 64, 3)``, and those renders at twice the size,
            ``(count, 128, 128, 3)``.
        """
        size = len(self.chunks[0][0])
        chosen = torch.randint(size * len(self.chunks), (count,), generator=generator).tolist()
        mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
        picked = (torch.stack([self.chunks[i // size][kind][i % size] for i in chosen]) for kind in range(len(_KINDS)))
        return tuple(torch.where(mirrored, part.flip(2), part) for part in picked)

    def _made(self, number: int) -> tuple[Any, ...]:
        rng, generator = np.random.default_rng([8191, number]), torch.Generator().manual_seed(number)
        parts = [render(rng) for _ in range(self._layouts)]
        small, large = (torch.cat([part[i] for part in parts]) for i in (0, 1))
        noise = MOST_NOISE * torch.rand(len(small), generator=generator) ** 2
        shown = as_shown(self._vae, small, noise, generator)
        plain = torch.rand(len(small), 1, 1, 1, generator=generator) < PLAIN
        return tuple(part.numpy() for part in (torch.where(plain, small, shown), small, large))


_KINDS = ("shown", "small", "large")
