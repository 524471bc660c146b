"""What a family asks of a diffusers pipeline that somebody holds."""

from __future__ import annotations

from typing import Any

from vstar_sdk.errors import ModelError


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
