"""``transformers``: a chat model on this machine, from a folder or from the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from vstar_sdk.llm.contract import Completion, Request
from vstar_sdk.options import ModelOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.resolver import Resolver

if TYPE_CHECKING:
    from vstar_sdk.llm.local.chat import LocalChat

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


class TransformersOptions(ModelOptions):
    """A chat model that runs here, and leaves the memory before the video is sampled."""

    model: str = Field(min_length=1, max_length=500, examples=["Qwen/Qwen3-0.6B"])
    """Its folder, which begins with `./`, `../`, `~` or `/`; or its hub id, such as `Qwen/Qwen3-0.6B`."""
    revision: str | None = Field(default=None, min_length=1, max_length=200)
    """Branch, tag or commit of a hub id; name a commit to get the same model for ever."""
    max_new_tokens: int = Field(default=2048, ge=16, le=65_536)
    """Most tokens of one answer; it is cut off there."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 always takes the likeliest token."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the sampling, where the temperature is above 0."""
    timeout: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds that one answer may take, loading aside."""
    constrain: Literal["auto", "always", "never"] = "auto"
    """Whether only tokens that fit the answer's JSON Schema can be chosen, which needs `llguidance`
    (`pip install 'vstar-sdk[local]'`). `auto` does so when it is installed, and warns when it is not."""
    keep: bool = False
    """Keep the model in memory after the story is written, for the next run of this process."""

    @field_validator("model")
    @classmethod
    def _path_or_id(cls, model: str) -> str:
        if not is_path(model) and not _HUB_ID.fullmatch(model):
            raise ValueError("write the path of a folder, which begins with ./ or /, or a hub id such as Qwen/Qwen3-0.6B")
        return model


def is_path(model: str) -> bool:
    """Whether a model is named by its folder."""
    return model.startswith(("./", "../", "~")) or Path(model).is_absolute()


class TransformersBackend:
    """Loads the model when it is first asked, and lets go of it at `close` unless it is to be kept.

    Args:
        options: the validated options.
        resolver: may know the folder of a hub id, and what a device means here.
    """

    def __init__(self, options: TransformersOptions, *, resolver: Resolver | None = None) -> None:
        self._options = options
        self._resolver = resolver or Resolver()
        self._chat: LocalChat | None = None

    def complete(self, request: Request) -> Completion:
        """Ask once, within the options' bounds of time and tokens.

        Raises:
            BackendError: the model cannot be had or loaded, has no chat template, or gave no answer in time.
            MissingDependency: the answer is to be constrained always, and ``llguidance`` is not installed.
        """
        if self._chat is None:
            from vstar_sdk.llm.local.chat import take  # brings torch

            self._chat = take(self._options, self._resolver)
        return self._chat.complete(request, self._options)

    def close(self) -> None:
        """Let go of the model; the next question loads it again, or takes the kept one."""
        if self._chat is not None:
            self._chat.release(keep=self._options.keep)
            self._chat = None


@hookimpl
def register_llm_backends(register: Register) -> None:
    """Offer ``transformers``."""
    register(
        "transformers",
        options=TransformersOptions,
        factory=TransformersBackend,
        summary="A chat model on this machine, from a folder or the Hugging Face hub.",
    )
