"""The captions of a synopsis, read by a pipeline's own text encoder and brought to the frames by a text part."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vstar_sdk import timeline
from vstar_sdk.attention.plan import AttentionPlan
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.attention.telling import told, with_text
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.family import Family
from vstar_sdk.synopses import Synopsis
from vstar_sdk.texts.contract import FrameText, Text
from vstar_sdk.texts.reading import read_text
from vstar_sdk.timeline import Interpolation


@dataclass(frozen=True)
class Bringing:
    """How key states are brought to the frames.

    Attributes:
        part: does it.
        name: the part's.
        interpolation: how the states are placed.
    """

    part: Text
    name: str
    interpolation: Interpolation


class Captions:
    """A synopsis as text embeddings.

    Args:
        pipe: whose tokenizer and text encoder read the captions, now.
        family: of its denoiser.
        synopsis: the key states.
        bringing: how they are brought to the frames.

    Attributes:
        bringing: see above.
    """

    def __init__(self, pipe: Any, family: Family, synopsis: Synopsis, bringing: Bringing) -> None:
        self._synopsis, self.bringing = synopsis, bringing
        for prompt in synopsis.prompts():
            if lost := family.cut_off(pipe, prompt):
                message = f"the text encoder does not see the end of '{prompt}': it stops before '{lost}'"
                warnings.warn(message, UserWarning, stacklevel=4)
        self._embeddings = family.encode(pipe, synopsis.prompts())
        self._given: dict[Clock, FrameText] = {}
        self._texts: dict[tuple[Clock, torch.device, torch.dtype], FrameText] = {}

    def told(self, plan: AttentionPlan, readers: Sequence[SiteAddress]) -> AttentionPlan:
        """A plan of attention with what the text part says where frames read the text of all states.

        Args:
            plan: of the regularizers.
            readers: where they do.

        Raises:
            SpecError: the states do not fit into the plan's frames.
            PluginError: see `read_text`.
        """
        clock, bringing = plan.clock, self.bringing
        placed = timeline.build(self._synopsis.states, clock.frames, clock.fps, bringing.interpolation)
        bias, tokens = self._read(clock).bias, self._embeddings.shape[1]
        return told(with_text(plan, readers, bringing.name), bias, tokens, placed.spans())

    def text(self, clock: Clock, device: torch.device, dtype: torch.dtype) -> FrameText:
        """What the latent frames read.

        Raises:
            SpecError: the states do not fit into so many frames.
            PluginError: see `read_text`.
        """
        key = (clock, device, dtype)
        if key not in self._texts:
            given = self._read(clock)
            once = given.embeddings if given.embeddings.stride(0) else given.embeddings[:1]
            told = once.to(device, dtype).expand(given.embeddings.shape)
            self._texts[key] = FrameText(told, None if given.bias is None else given.bias.to(device))
        return self._texts[key]

    def _read(self, clock: Clock) -> FrameText:
        if clock not in self._given:
            self._given[clock] = read_text(self.bringing.part, self.bringing.name, self._synopsis, self._embeddings, clock)
        return self._given[clock]


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
    own = _own(text, given, branches, pipe)
    # The same in all frames: once in memory, where the call's own is, too.
    once = text[:1] if text.stride(0) == 0 and own.shape[1] == 1 else text
    told = torch.stack([once if story else own[video].expand_as(once) for video, story in enumerate(branches)])
    return told.expand(-1, len(text), -1, -1)


def states_of_each_video(
    text: Tensor, bias: Tensor, given: Tensor, branches: tuple[bool, ...], pipe: str
) -> tuple[Tensor, Tensor]:
    """The text of all key states for every video of a call, and which of them each frame reads most of.

    Args:
        text: ``(states, tokens, dim)``, of the synopsis.
        bias: ``(frames, states)``.
        given: the call's own embeddings, ``(videos, tokens, dim)``.
        branches: for each video, whether the prompt conditions it.
        pipe: the pipeline's name, for messages.

    Returns:
        See `Family.tell_states`.

    Raises:
        SamplerError: see `of_each_video`.
    """
    own = _own(text, given, branches, pipe)[:, 0]
    told = text.new_zeros((len(branches), *text.shape))
    nearest = torch.zeros(len(branches), len(bias), dtype=torch.int64, device=bias.device)
    for video, story in enumerate(branches):
        told[video, : len(text) if story else 1] = text if story else own[video]
        if story:
            nearest[video] = bias.argmax(dim=1)
    return told, nearest


def _own(text: Tensor, given: Tensor, branches: tuple[bool, ...], pipe: str) -> Tensor:
    """The call's own text, ``(videos, frames or 1, tokens, dim)``, once it is sure that the synopsis's can stand in for it."""
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
    return torch.unflatten(given, 0, (len(branches), -1))
