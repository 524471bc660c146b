"""What a model is to the rest: a source before it is loaded, and an adapter afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from vstar_sdk.models.facts import Facts
    from vstar_sdk.models.family import Family


class ModelSource(Protocol):
    """What a model part's factory returns: cheap to make, nothing loaded yet.

    It may have ``modules``: the names of modules that its ``load`` imports. A run imports them while a language model writes.
    """

    def facts(self) -> Facts:
        """Read the model's configuration; no torch where its files are local.

        Raises:
            ModelError: the files are missing or are not of this model's family.
        """
        ...

    def load(self, device: str, dtype: str) -> Adapter:
        """Load the weights.

        Args:
            device: a torch device, resolved (never ``auto``).
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: the weights are missing, damaged or do not match the configuration.
        """
        ...


class Adapter(Protocol):
    """A loaded model as the sampler sees it."""

    @property
    def facts(self) -> Facts:
        """What was known of it before it was loaded."""
        ...

    @property
    def denoiser(self) -> nn.Module:
        """The network whose attention is nursed."""
        ...

    @property
    def family(self) -> Family:
        """What nursing needs to know of the network."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its latents and embeddings are."""
        ...

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        ...

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings of shape ``(prompts, tokens, dim)``, on the device."""
        ...

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder does not see; "" when it sees all."""
        ...

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its name."""
        ...

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip."""
        ...

    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the denoiser.

        Args:
            latents: ``(branches, channels, frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, frames, tokens, dim)``, one embedding for each latent frame. Where a text part has frames read the
                key states token by token (see `Facts.text_sites`), ``(branches, 1, states * tokens, dim)``: one for all frames.

        Returns:
            The prediction, of the latents' shape.
        """
        ...

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, one by one, in bounded memory."""
        ...


@runtime_checkable
class EncodingAdapter(Adapter, Protocol):
    """An adapter that also makes latents of frames."""

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """The latents of a clip, as `Adapter.decode` takes them: the mean that the encoder gives, not a sample.

        Args:
            frames: ``(height, width, 3)``, RGB, as many as a clip of the model may have.

        Returns:
            ``(1, channels, latent frames, height, width)``, float32.
        """
        ...


@dataclass(frozen=True, eq=False)
class Condition:
    """What a network was given of pictures.

    Attributes:
        adapter: the model, reading them in every call until the run ends. The one that it was made from is as it was.
        frames: latent frames that are what the pictures say through all steps, without noise.
        clean: their latents, ``(1, channels, len(frames), height, width)``; None where there are none.
    """

    adapter: Adapter
    frames: tuple[int, ...] = ()
    clean: Tensor | None = None


@runtime_checkable
class ConditionedAdapter(Adapter, Protocol):
    """An adapter of a network that was trained to read pictures; see `Facts.trained`."""

    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """The model with pictures before it.

        Args:
            pictures: ``first``, ``last`` or both, ``(height, width, 3)``, RGB, in the size of the video.
            frames: pixel frames of the video.
            generator: for models that draw a picture's latents from what the encoder gives.
        """
        ...


@runtime_checkable
class RunningAdapter(Protocol):
    """An adapter with options that hold for a run: they differ between key states, or remember earlier steps."""

    @property
    def remembers(self) -> tuple[str, ...]:
        """What has memory of earlier steps, by name: a run with it cannot pause."""
        ...

    def running(self, mixture: Sequence[Sequence[float]], steps: int) -> AbstractContextManager[None]:
        """Open around all calls of the denoiser in a run.

        Args:
            mixture: ``(latent frames, states)``: the states' shares in each latent frame.
            steps: of the schedule.
        """
        ...

    def calling(self, branches: Sequence[str]) -> AbstractContextManager[None]:
        """Open around one call of the denoiser.

        Args:
            branches: of the guidance, which the call predicts.
        """
        ...


@runtime_checkable
class SamplingAdapter(Adapter, Protocol):
    """An adapter that prepares itself for many calls of `Adapter.denoise`: hooks in its network, weights on the device."""

    def sampling(self) -> AbstractContextManager[None]:
        """Open around all the calls of a run. At its end the model is as it was before, however the run went.

        `Adapter.denoise` works outside of it too, and then prepares itself for each call.
        """
        ...
