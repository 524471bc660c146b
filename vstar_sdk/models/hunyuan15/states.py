"""The text of several key states in one sequence of HunyuanVideo 1.5."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.models.diffusers.folded_states import folded_states
from vstar_sdk.models.hunyuan15.sites import hunyuan15_sites
from vstar_sdk.models.hunyuan15.text import Text, unpacked


def text_of_states(text: Tensor, glyphs: int, dims: tuple[int, int]) -> Text:
    """The text of several key states as the network takes one: the prompts one after the other, and so the glyphs.

    Args:
        text: ``(videos, states, all tokens, dim + 1)``, see `Text.packed`.
        glyphs: see `unpacked`.
        dims: likewise.
    """
    each = unpacked(text.flatten(0, 1), glyphs, dims)
    return Text(*(torch.unflatten(x, 0, text.shape[:2]).flatten(1, 2) for x in each))


@contextmanager
def states_told_apart(network: Any, text: Text, states: int, picture: Tensor) -> Generator[None]:
    """While it is open, a ``HunyuanVideo15Transformer3DModel`` takes the text of several key states.

    Its refiner reads each state by itself. The network then puts what is no padding before what is; the nursed attentions are
    told which state each token is of.

    Args:
        network: it.
        text: from `text_of_states`.
        states: how many there are.
        picture: what the network is given of a picture, ``(videos, tokens, dim)``; all 0 where there is none.
    """
    order = _states_in_order(text, states, picture)
    processors = [network.get_submodule(site.name).processor for site in hunyuan15_sites(network.config)]
    nursed = [processor for processor in processors if isinstance(processor, NursedProcessor)]
    with folded_states(network.context_embedder, states, {0, 2}, lambda refined: refined.flatten(1, 2)):
        for processor in nursed:
            processor.states = order
        try:
            yield
        finally:
            for processor in nursed:
                processor.states = None


def _states_in_order(text: Text, states: int, picture: Tensor) -> Tensor:
    """Which state each token beside the video is of, ``(videos, tokens)``: picture, glyphs and prompt, then their padding."""
    shown = torch.full(picture.shape[:2], bool((picture != 0).any()), device=picture.device)
    there = torch.cat([shown, text.glyphs_mask.bool(), text.prompt_mask.bool()], dim=1)
    parts = [torch.full((picture.shape[1],), -1)]
    for mask in (text.glyphs_mask, text.prompt_mask):
        parts.append(torch.arange(states).repeat_interleave(mask.shape[1] // states))
    of = torch.cat(parts).to(picture.device)
    return torch.stack([torch.cat([of[row], of[~row]]) for row in there])
