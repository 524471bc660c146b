"""What a synopsis part and an LLM backend are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vstar_sdk.synopses import Synopsis


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a synopsis part is told about the run.

    Attributes:
        prompt: the user's prompt; may be empty when the states are written out.
        frames: frames of the clip: the most states that fit.
        fps: frames a second.
        folder: folder of the spec file, where relative template paths begin; None without a file.
        templates: templates that plugins registered, by their names ``namespace/name``.
    """

    prompt: str
    frames: int
    fps: float
    folder: Path | None = None
    templates: Mapping[str, Path] = field(default_factory=dict[str, Path])


class SynopsisWriter(Protocol):
    """What a synopsis part's factory returns.

    The factory is called as ``factory(options, **parts)``: every option field marked `PartOf` arrives as a made part under its
    own name (``backend=`` for the part ``llm``).
    """

    offline: bool
    """True when `write` needs no network and no heavy import: it is then called already while validating."""

    def write(self, brief: Brief) -> Synopsis:
        """Turn the brief into key states.

        Raises:
            SpecError: the prompt or the options cannot be used; its path is ``("prompt",)``, or relative to the
                part's own options.
            TemplateError: the template is wrong.
            BackendError: the language model gave nothing usable.
        """
        ...

    def close(self) -> None:
        """Release what it holds; called once, after `write`."""
        ...


@runtime_checkable
class CheckedWriter(SynopsisWriter, Protocol):
    """A synopsis part that can find faults without a network: its `check` is called while validating."""

    def check(self, brief: Brief) -> None:
        """Find what is wrong with the brief and the options, as far as it can be known before `write`.

        Raises:
            SpecError: the prompt or the options cannot be used; its path is that of `SynopsisWriter.write`.
            TemplateError: the template is wrong.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a backend is asked.

    Attributes:
        system: the system message; never holds user text.
        messages: the turns so far, beginning and ending with a user's.
        schema: the shape of the wanted answer, for backends that can constrain their output.
        max_tokens: bound on the answer, and on any thinking before it.
    """

    system: str
    messages: tuple[Message, ...]
    schema: type[BaseModel]
    max_tokens: int = 8192


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a backend answered.

    Attributes:
        text: the raw text; JSON when all is well. Of a refusal, its reason if there is one.
        stop: ``end`` of its own accord, ``length`` truncated by ``max_tokens``, ``refusal`` declined.
        model: the model that answered, as the server names it.
        input_tokens: tokens read.
        output_tokens: tokens written.
        warnings: what the user should know, one sentence each: a constraint that the server refused, say.
    """

    text: str
    stop: Literal["end", "length", "refusal"]
    model: str
    input_tokens: int
    output_tokens: int
    warnings: tuple[str, ...] = ()


class Backend(Protocol):
    """What an LLM backend's factory returns."""

    def complete(self, request: Request) -> Completion:
        """Ask once. Connection faults, rate limits and server errors are retried here, within bounds.

        Raises:
            BackendError: no answer could be had; never holds a key.
        """
        ...

    def close(self) -> None:
        """Release connections or memory."""
        ...
