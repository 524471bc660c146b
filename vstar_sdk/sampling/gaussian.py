"""``gaussian``: noise that is independent in every frame. No torch until it draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vstar_sdk.clock import Clock


class Gaussian:
    """A `vstar_sdk.Noise`: standard normal numbers, one after another."""

    def __init__(self, options: Options) -> None:
        del options  # it has none

    def draw(self, shape: Sequence[int], clock: Clock, generator: torch.Generator) -> Tensor:
        """See `vstar_sdk.Noise.draw`."""
        import torch

        return torch.randn(tuple(shape), generator=generator, dtype=torch.float32)


@hookimpl
def register_noises(register: Register) -> None:
    """Offer the noise."""
    register("gaussian", options=Options, factory=Gaussian, summary="Independent noise in every frame.")
