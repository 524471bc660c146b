"""What the sampling holds: the kept frames' latents, and a noise of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from vstar_sdk.errors import SamplerError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.kept import Kept
from vstar_sdk.sampling.held import Held
from vstar_sdk.sampling.noise import held_noise
from vstar_sdk.sampling.tensor_file import read_tensors

if TYPE_CHECKING:
    from torch import Tensor


def held_of(
    kept: Kept, shape: tuple[int, ...], seed: int, draw: Callable[[torch.Generator], Tensor], device: torch.device
) -> Held:
    """The latents that a run holds.

    Args:
        kept: what the plan keeps.
        shape: of the run's latents.
        seed: of the run.
        draw: gives noise of that shape from a generator.
        device: of the sampling.

    Raises:
        SpecError: the earlier run's latents are not there any more.
        SamplerError: they are of another shape than this model's.
    """
    kept.parent.check_latents()
    known: Any = read_tensors(kept.parent.latents)["latents"]
    frames = torch.tensor(kept.latents)
    if (*known.shape[:2], *known.shape[3:]) != (*shape[:2], *shape[3:]) or known.shape[2] <= kept.latents[-1]:
        raise SamplerError(
            f"{printable(str(kept.parent.latents))} holds latents {tuple(known.shape)}, but the run needs {shape}",
            hint="keep frames of a run with the same model",
        )
    noise = draw(held_noise(seed))
    return Held(kept.latents, known[:, :, frames].float().to(device), noise[:, :, frames].to(device), kept.lead)
