"""What a family asks of a diffusers pipeline that somebody holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.errors import ModelError


@torch.no_grad()
def encoded_captions(pipe: Any, captions: Sequence[str], tokens: int) -> Tensor:
    """Captions as a pipeline itself reads them, each alone: see `vstar_sdk.Family.encode`.

    Args:
        pipe: with ``encode_prompt``.
        captions: texts.
        tokens: how many it takes of each unless it is told otherwise.
    """
    text_encoder_of(pipe)
    given = [pipe.encode_prompt(one, do_classifier_free_guidance=False, max_sequence_length=tokens)[0] for one in captions]
    return torch.cat(given)


def text_encoder_of(pipe: Any) -> tuple[Any, Any]:
    """The tokenizer and the text encoder of a pipeline.

    Raises:
        ModelError: it was loaded without one of them.
    """
    tokenizer, encoder = getattr(pipe, "tokenizer", None), getattr(pipe, "text_encoder", None)
    if tokenizer is None or encoder is None:
        raise ModelError(
            f"{type(pipe).__name__} has no text encoder and tokenizer, which a synopsis needs",
            hint="load the pipeline with both, or omit the synopsis",
        )
    return tokenizer, encoder
