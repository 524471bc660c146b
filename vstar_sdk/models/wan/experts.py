"""The denoiser of Wan: one network, or two that share the schedule; and a text for every latent frame."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor, nn

from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.parallel import share_of
from vstar_sdk.models.modules import modules_of

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.placement import Placement


class WanExperts(nn.Module):
    """The networks of a Wan model, under the names of their folders.

    Attributes:
        transformer: the network; of two, the one for timesteps from ``boundary`` up.
        transformer_2: the one for the timesteps below, or None.
        boundary: a timestep, or None.
    """

    def __init__(
        self,
        transformer: WanTransformer3DModel,
        transformer_2: WanTransformer3DModel | None = None,
        boundary: float | None = None,
    ) -> None:
        super().__init__()
        self.transformer, self.transformer_2, self.boundary = transformer, transformer_2, boundary

    @property
    def dtype(self) -> torch.dtype:
        """The precision that it computes in."""
        return self.transformer.dtype

    def at(self, timestep: Tensor) -> WanTransformer3DModel:
        """The network for a timestep (0-d)."""
        if self.transformer_2 is None or self.boundary is None or float(timestep) >= self.boundary:
            return self.transformer
        return self.transformer_2


class ResidentNetworks:
    """Keeps the network that works on the device until another is asked for, where a model's placement moves them."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._stay, self._open = ExitStack(), 0
        self._resident: nn.Module | None = None

    @contextmanager
    def kept(self) -> Generator[None]:
        """While it is open the network asked for last stays; opened again inside itself, it changes nothing."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if self._open == 0:
                self._leave()

    def bring(self, network: nn.Module) -> None:
        """Have a network on the device, and the other one not, inside `kept`."""
        if network is not self._resident:
            self._leave()
            self._stay.enter_context(self._placement.using(network))
            self._resident = network

    def _leave(self) -> None:
        self._resident = None
        self._stay.close()


def latent_frame_text(network: nn.Module, frames: int) -> AbstractContextManager[None]:
    """While it is open, every latent frame of a ``WanTransformer3DModel`` is conditioned on its own text.

    The network takes ``(videos * frames, tokens, dim)`` then.

    Args:
        network: it.
        frames: latent frames.
    """
    readers = [attention for name, attention in modules_of(network) if name.endswith(".attn2")]
    return folded_frames(readers, frames, share_of(network))
