"""The joint sibling as a family: Wan's attention, with a latent for every frame and CLIP's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from vstar_sdk.clock import EVERY_FRAME, Rhythm
from vstar_sdk.models.diffusers.clip_text import cut_off
from vstar_sdk.models.diffusers.framewise_family import clip_embeddings
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.wan.family import WanFamily


class MiniworldTransformerFamily(WanFamily):
    """All tokens of a clip attend to each other; no frame is packed with others."""

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`."""
        del pipe
        return EVERY_FRAME

    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`."""
        return clip_embeddings(pipe, captions)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)


MINIWORLD_TRANSFORMER = MiniworldTransformerFamily()
