"""``transformers``: a chat model on this machine, from a folder or from the Hugging Face hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.llm.contract import Completion, Request
from vstar_sdk.llm.local.options import TransformersOptions
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.resolver import Resolver

if TYPE_CHECKING:
    from vstar_sdk.llm.local.chat import LocalChat


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
