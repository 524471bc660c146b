"""The captions of a synopsis, read by a pipeline's own text encoder and blended over the frames."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from vstar_sdk import timeline
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.family import Family
from vstar_sdk.sampling.conditioning import blend
from vstar_sdk.synopses import Synopsis
from vstar_sdk.timeline import Interpolation


class Captions:
    """A synopsis as text embeddings.

    Args:
        pipe: whose tokenizer and text encoder read the captions, now.
        family: of its denoiser.
        synopsis: the key states.
        interpolation: how they are blended.
    """

    def __init__(self, pipe: Any, family: Family, synopsis: Synopsis, interpolation: Interpolation) -> None:
        self._synopsis, self._one_text = synopsis, family.one_text
        self._interpolation: Interpolation = interpolation
        for prompt in synopsis.prompts():
            if lost := family.cut_off(pipe, prompt):
                message = f"the text encoder does not see the end of '{prompt}': it stops before '{lost}'"
                warnings.warn(message, UserWarning, stacklevel=4)
        self._embeddings = family.encode(pipe, synopsis.prompts())
        self._texts: dict[tuple[Clock, torch.device, torch.dtype], Tensor] = {}

    def text(self, clock: Clock, device: torch.device, dtype: torch.dtype) -> Tensor:
        """One embedding for each latent frame: ``(latent frames, tokens, dim)``.

        Raises:
            SpecError: the states do not fit into so many frames.
        """
        key = (clock, device, dtype)
        if key not in self._texts:
            self._texts[key] = self._blend(clock).to(device, dtype).expand(clock.latents, -1, -1)
        return self._texts[key]

    def _blend(self, clock: Clock) -> Tensor:
        """The texts of all latent frames, or the one that they have."""
        placed = timeline.build(self._synopsis.states, clock.frames, clock.fps, self._interpolation)
        weights = placed.pooled(clock)
        return blend(weights[:1] if self._one_text else weights, self._synopsis.prompts(), self._embeddings)


def of_each_video(text: Tensor, given: Tensor, branches: tuple[bool, ...], pipe: str) -> Tensor:
    """The text of every video and frame of a call, ``(videos, frames, tokens, dim)``; what the call says negatively stays.

    Args:
        text: ``(frames, tokens, dim)``, of the synopsis.
        given: the call's own embeddings, ``(videos or videos * frames, tokens, dim)``.
        branches: for each video, whether the prompt conditions it.
        pipe: the pipeline's name, for messages.

    Raises:
        SamplerError: the call holds several videos, or its text is not of the synopsis's shape.
    """
    if sum(branches) > 1:
        raise SamplerError(
            f"{pipe} called its denoiser for {sum(branches)} videos at once, but a synopsis is for one video",
            hint="give it one prompt, and no num_videos_per_prompt above 1; call it once per video",
        )
    if given.shape[-2:] != text.shape[-2:]:
        raise SamplerError(
            f"{pipe}'s own prompt has embeddings of {tuple(given.shape[-2:])} (tokens, channels); the synopsis's have "
            f"{tuple(text.shape[-2:])}",
            hint="give the pipeline a prompt as text, not as prompt_embeds of another length, and leave max_sequence_length out",
        )
    own = torch.unflatten(given, 0, (len(branches), -1))
    once = text if text.stride(0) else text[:1]  # the same in all frames: once in memory
    mixed = torch.stack([once if story else own[video].expand_as(once) for video, story in enumerate(branches)])
    return mixed.expand(-1, len(text), -1, -1)
