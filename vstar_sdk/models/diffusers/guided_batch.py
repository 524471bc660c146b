"""Pipelines that take both branches of guidance in one batch, the negative prompt first."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.family import Branches, DenoiserCall


@contextmanager
def branches_of_one_batch(pipe: Any, latents: str) -> Generator[Branches]:
    """See `Family.branches`: a batch holds both branches when the pipeline encodes a prompt for guidance.

    Args:
        pipe: the pipeline.
        latents: the denoiser's argument that holds them.
    """
    with _encoding_watched(pipe) as encoding:

        def branches(call: DenoiserCall) -> tuple[bool, ...]:
            videos = len(call[latents])
            guided = encoding.get("do_classifier_free_guidance", getattr(pipe, "do_classifier_free_guidance", None))
            if guided is None and videos > 1:
                raise SamplerError(
                    f"{type(pipe).__name__} called its denoiser for {videos} latents before it encoded a prompt, so that the "
                    "branches of guidance cannot be told apart",
                    hint="call the pipeline as a whole, with a prompt",
                )
            return (False,) * (videos // 2) + (True,) * (videos - videos // 2) if guided else (True,) * videos

        yield branches


@contextmanager
def _encoding_watched(pipe: Any) -> Generator[dict[str, Any]]:
    """While it is open, the arguments with which a pipeline last encoded its prompt: it says there whether it guides."""
    arguments: dict[str, Any] = {}
    encode_prompt = pipe.encode_prompt
    signature = inspect.signature(encode_prompt)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments.clear()
        arguments.update(bound.arguments)
        return encode_prompt(*args, **kwargs)

    pipe.encode_prompt = watched
    try:
        yield arguments
    finally:
        del pipe.encode_prompt
