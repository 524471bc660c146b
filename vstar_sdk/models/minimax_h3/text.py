"""The text of MiniMax-H3: a hidden state of Qwen3-VL, of as many tokens as the prompt has."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.models.diffusers.prompts import end_beyond
from vstar_sdk.models.minimax_h3.processor import MiniMaxH3Processor
from vstar_sdk.models.minimax_h3.sequence import frames_of_sound
from vstar_sdk.models.minimax_h3.sites import minimax_h3_sites

TOKENS = 2048
"""Text tokens that a key state may have: what is longer is cut here, though the network has no limit."""
LAYER = 50
"""The hidden state of the text encoder that is read."""


def padded(embeddings: Tensor) -> Tensor:
    """A prompt's embeddings as so many tokens as all prompts have, with one more channel: 1 where there is a token.

    Args:
        embeddings: ``(1, tokens, dim)``.

    Returns:
        ``(1, 2048, dim + 1)``.
    """
    there = pad(embeddings, (0, 1), value=1.0)
    return pad(there, (0, 0, 0, TOKENS - embeddings.shape[1]))


def unpadded(text: Tensor) -> list[Tensor]:
    """What was padded: ``(1, tokens, dim)`` of each of ``(texts, 2048, dim + 1)``; none of a text without a token."""
    return [one[None, one[:, -1] > 0, :-1] for one in text if bool((one[:, -1] > 0).any())]


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that is not read; "" when all is."""
    return end_beyond(TOKENS, tokenizer, prompt, special=0)


class _Apart:
    """Another processor, by which tokens of a text attend to those of the same text alone.

    Args:
        stock: the model's own.
        mask: ``(1, 1, tokens, tokens)``, True within a text.
    """

    def __init__(self, stock: Any, mask: Tensor) -> None:
        self._stock, self._mask = stock, mask

    def __call__(self, attn: Any, hidden_states: Tensor, rotary_emb: Any = None, attention_mask: Any = None) -> Tensor:
        del attention_mask
        return self._stock(attn, hidden_states, rotary_emb, self._mask)


@contextmanager
def states_told_apart(network: Any, texts: Sequence[int], sound: int) -> Generator[None]:
    """While it is open, a ``MiniMaxH3Transformer3DModel`` takes the text of several key states, one after the other.

    Its refiner reads each by itself. Nursed attentions are told which state each token is of. The sound, which stands between the
    texts and the video, belongs to all, and reads them as the frames of its time do.

    Args:
        network: it.
        texts: tokens of each state.
        sound: tokens of the sound.
    """
    states = torch.arange(len(texts)).repeat_interleave(torch.tensor(texts)).to(network.device)
    order = torch.cat([states, states.new_full((sound,), -1)])[None]
    at = torch.cat([torch.full_like(states, -1), frames_of_sound(sound).to(states)])[None]
    mask = (states[:, None] == states)[None, None]
    processors = [network.get_submodule(site.name).processor for site in minimax_h3_sites(network.config)]
    nursed = [processor for processor in processors if isinstance(processor, MiniMaxH3Processor)]
    with ExitStack() as stack:
        for block in network.token_refiner.refiner_blocks:
            stack.callback(block.attn.set_processor, block.attn.processor)
            block.attn.set_processor(_Apart(block.attn.processor, mask))
        for processor in nursed:
            stack.callback(setattr, processor, "states", None)
            stack.callback(setattr, processor, "at", None)
            processor.states, processor.at = order, at
        yield
