"""Which videos of a call the prompt conditions, as pipelines say it."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import nn

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.family import Branches, DenoiserCall


@contextmanager
def branches_in_one_batch(pipe: Any, latents: str) -> Generator[Branches]:
    """While it is open, tells the branches of a pipeline's calls: the negative prompt first, when it encodes a prompt to guide.

    Args:
        pipe: the pipeline.
        latents: its denoiser's argument that holds the latents.
    """
    with _encoding_watched(pipe) as encoding:

        def branches(call: DenoiserCall) -> tuple[bool, ...]:
            videos = len(call[latents])
            guided = encoding.get("do_classifier_free_guidance", getattr(pipe, "do_classifier_free_guidance", None))
            if guided is None and videos > 1:
                raise SamplerError(
                    f"{type(pipe).__name__} called its denoiser for {videos} latents before it encoded a prompt, so the "
                    "branches of guidance cannot be distinguished",
                    hint="call the pipeline as a whole, with a prompt",
                )
            return (False,) * (videos // 2) + (True,) * (videos - videos // 2) if guided else (True,) * videos

        yield branches


@contextmanager
def branches_as_said(denoiser: nn.Module, latents: str, negative: str) -> Generator[Branches]:
    """While it is open, tells the branches of a pipeline that calls its network for each branch by itself, and says which it is.

    Args:
        denoiser: with diffusers' ``cache_context``.
        latents: its argument that holds the latents.
        negative: what the pipeline calls the branch of the negative prompt.
    """
    with calls_named(denoiser) as branch:
        yield lambda call: (branch != [negative],) * len(call[latents])


@contextmanager
def branches_by_turn(pipe: Any, latents: str, constant: str) -> Generator[Branches]:
    """While it is open, tells the branches of a pipeline that calls its network for each branch by itself, and names none.

    Such a pipeline calls it for the prompt first. What it makes once for each branch of a run, and hands over in every step,
    tells the later calls of this branch from those of the other.

    Args:
        pipe: the pipeline; it sets the timesteps of its scheduler once for each run.
        latents: its denoiser's argument that holds the latents.
        constant: its argument that is one object for each branch of a run.
    """
    timesteps: Any = None
    prompted: Any = None
    asked: tuple[DenoiserCall, tuple[bool, ...]] | None = None

    def branches(call: DenoiserCall) -> tuple[bool, ...]:
        nonlocal timesteps, prompted, asked
        if asked is None or asked[0] is not call:  # asked again, the call may have been changed meanwhile
            if pipe.scheduler.timesteps is not timesteps:
                timesteps, prompted = pipe.scheduler.timesteps, call[constant]
            asked = call, (call[constant] is prompted,) * len(call[latents])
        return asked[1]

    yield branches


@contextmanager
def calls_named(denoiser: nn.Module) -> Generator[list[str]]:
    """While it is open, what a pipeline says around each call of its denoiser, for caches: the last name, or nothing yet.

    Args:
        denoiser: with diffusers' ``cache_context``.
    """
    network: Any = denoiser
    branch: list[str] = []
    cache_context = network.cache_context

    def watched(name: str, **where: Any) -> AbstractContextManager[None]:
        branch[:] = [name]
        return cache_context(name, **where)

    with _replaced(network, "cache_context", watched):
        yield branch


@contextmanager
def _encoding_watched(pipe: Any) -> Generator[dict[str, Any]]:
    """While it is open, the arguments with which a pipeline last encoded its prompt: it says there whether it guides."""
    arguments: dict[str, Any] = {}
    encode_prompt = getattr(pipe, "encode_prompt", None)
    if encode_prompt is None:
        yield arguments
        return
    signature = inspect.signature(encode_prompt)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments.clear()
        arguments.update(bound.arguments)
        return encode_prompt(*args, **kwargs)

    with _replaced(pipe, "encode_prompt", watched):
        yield arguments


@contextmanager
def _replaced(owner: Any, name: str, method: Any) -> Generator[None]:
    """While it is open, an object has another method; afterwards its own, or the one that its user had put there."""
    before: Any = owner.__dict__.get(name)
    setattr(owner, name, method)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
