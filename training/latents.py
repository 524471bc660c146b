"""Clips of the world as standardised latents, encoded once and kept in chunks on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from training.data import TOLD, Clip, draw_clip
from training.denoiser import Batch
from training.text import Captions, Telling, tell
from training.vae import to_unit

CHUNK = 200


def fold_standardisation(vae: AutoencoderKL, frames: Tensor) -> None:
    """Change the VAE so that every latent channel has mean 0 and deviation 1 over ``frames``, uint8 ``(B, 64, 64, 3)``."""
    with torch.no_grad():
        latents = encode(vae, frames).float()
        mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        inside, outside = cast(nn.Conv2d, vae.quant_conv), cast(nn.Conv2d, vae.post_quant_conv)
        assert inside.bias is not None
        assert outside.bias is not None
        channels = len(mean)
        inside.weight[:channels] /= deviation.view(-1, 1, 1, 1)
        inside.bias[:channels] = (inside.bias[:channels] - mean) / deviation
        inside.bias[channels:] -= 2 * deviation.log()
        outside.bias += outside.weight[:, :, 0, 0] @ mean
        outside.weight *= deviation.view(1, -1, 1, 1)


@torch.no_grad()
def encode(vae: Any, frames: Tensor) -> Tensor:
    """Means of the latents of uint8 ``(B, 64, 64, 3)``: ``(B, 16, 8, 8)``. In float32: bfloat16 is slower at these sizes."""
    return torch.cat([vae.encode(to_unit(part)).latent_dist.mean for part in frames.split(64)])


class Library:
    """Clips and their latents, of one length, as far as they have been encoded.

    Args:
        folder: where they are kept.
        frames: of every clip.
        stream: of random numbers; another one has other clips.
        told: see `draw_clip`; one folder has one.
    """

    def __init__(self, folder: Path, frames: int, stream: int, told: float = TOLD) -> None:
        self._folder, self._frames, self._stream, self._told = folder, frames, stream, told
        self.clips: list[Clip] = []
        self.latents = torch.zeros(0, frames, 16, 8, 8, dtype=torch.float16)
        folder.mkdir(parents=True, exist_ok=True)

    def grow(self, count: int, vae: AutoencoderKL) -> None:
        """Read or encode chunks until there are ``count`` clips."""
        parts = [self.latents]
        while len(self.clips) < count:
            first = len(self.clips)
            size = min(CHUNK, count - first)
            rng = np.random.default_rng([self._stream, self._frames, first])
            clips = [draw_clip(rng, self._frames, told=self._told) for _ in range(size)]
            path = self._folder / f"{self._frames}-{self._stream}-{first}-{size}.pt"
            if not path.exists():
                encoded = [encode(vae, torch.from_numpy(clip.render())).half() for clip in clips]
                new = path.with_suffix(".new")
                torch.save(torch.stack(encoded), new)
                new.rename(path)
            parts.append(torch.load(path, weights_only=True))
            self.clips += clips
        self.latents = torch.cat(parts)

    def kept(self) -> int:
        """How many clips an earlier run has encoded."""
        chunks = self._folder.glob(f"{self._frames}-{self._stream}-*.pt")
        return max((sum(map(int, path.stem.split("-")[2:])) for path in chunks), default=0)

    def draw(
        self, count: int, captions: Captions, frames: int | None = None, *, at_once: bool = True
    ) -> Callable[[torch.Generator], Batch]:
        """A function that draws batches of ``count`` clips, of which ``frames`` frames are taken if that is given.

        Those are neighbours, anywhere in the clip; spread over it where one caption tells its change. ``at_once``: see `tell`.
        """

        def pick(generator: torch.Generator) -> Batch:
            chosen = torch.randint(len(self.clips), (count,), generator=generator)
            rng = np.random.default_rng(int(torch.randint(1 << 31, (1,), generator=generator)))
            batch = batch_of([self.clips[i] for i in chosen.tolist()], self.latents[chosen], rng, captions, at_once)
            if frames is None:
                return batch
            first = torch.randint(self._frames - frames + 1, (count, 1), generator=generator)
            at = first + torch.arange(frames)
            stride = self._frames // frames
            for row, index in enumerate(chosen.tolist()):
                if frames > 1 and self.clips[index].change is not None:
                    at[row] = torch.arange(frames) * stride + first[row] % stride
            rows = torch.arange(count).unsqueeze(1)
            return Batch(*(part[rows, at] for part in (batch.latents, batch.low, batch.high, batch.weight)))

        return pick

    def all(self, captions: Captions, *, at_once: bool = True) -> Batch:
        """Everything, with captions that are the same every time."""
        return batch_of(self.clips, self.latents, np.random.default_rng(0), captions, at_once)


def batch_of(clips: list[Clip], latents: Tensor, rng: np.random.Generator, captions: Captions, at_once: bool = True) -> Batch:
    """Clips with their latents ``(B, F, 16, 8, 8)``, and captions chosen by ``rng``; ``at_once``: see `tell`."""
    told: list[Telling] = [tell(clip, rng, captions, at_once) for clip in clips]
    low, high = (torch.from_numpy(np.stack([getattr(t, name) for t in told])).long() for name in ("low", "high"))
    weight = torch.from_numpy(np.stack([t.weight for t in told])).float()
    return Batch(latents, low, high, weight)
