"""The random numbers of a run: drawn on the CPU, so that a seed means the same on every device."""

from __future__ import annotations

import numpy as np
import torch

SEEDS = 2**64
"""Seeds are 0 to ``SEEDS - 1``; tools around the SDK send such."""

_READ = 2**32
"""PyTorch's CPU generator reads no more than the lower 32 bits of a seed."""


def folded(seed: int) -> int:
    """The 32 bits that stand for a seed: those below 2**32 for themselves, others by numpy's ``SeedSequence`` of the whole seed.

    Args:
        seed: 0 to ``SEEDS - 1``.
    """
    return seed if seed < _READ else int(np.random.SeedSequence(seed).generate_state(1)[0])


def step_noise(seed: int) -> torch.Generator:
    """The generator for the noise that a scheduler adds in its steps; independent of the initial noise of the same seed."""
    derived = np.random.SeedSequence([seed, 1]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(derived))


def held_noise(seed: int) -> torch.Generator:
    """The generator for the noise of frames that are held; independent of the others of the same seed."""
    derived = np.random.SeedSequence([seed, 2]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(derived))


def picture_noise(seed: int) -> torch.Generator:
    """The generator for models that draw a picture's latents from what their encoder gives; independent of the others."""
    derived = np.random.SeedSequence([seed, 3]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(derived))
