"""The random numbers of a run: drawn on the CPU, so that a seed means the same on every device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

SEEDS = 2**32
"""Seeds are 0 to ``SEEDS - 1``: PyTorch's CPU generator reads no more than the lower 32 bits of a seed."""


def initial_noise(shape: Sequence[int], seed: int, device: torch.device | str = "cpu") -> Tensor:
    """Standard normal noise, float32: what ``torch.Generator().manual_seed(seed)`` gives.

    Args:
        shape: of the latents.
        seed: 0 to ``SEEDS - 1``.
        device: where it is wanted.
    """
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed)).to(device)


def step_noise(seed: int) -> torch.Generator:
    """The generator for the noise that a scheduler adds in its steps; independent of the initial noise of the same seed."""
    derived = np.random.SeedSequence([seed, 1]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(derived))
