"""What an LLM backend is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel


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
        max_tokens: bound on the answer, and on any thinking before it, where the backend's own options set none.
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
        thinking: what the server tells apart as thinking. Where `text` is empty, an answer is looked for at its end: a server
            that holds a reasoning model to a schema may take all of the answer for thinking.
    """

    text: str
    stop: Literal["end", "length", "refusal"]
    model: str
    input_tokens: int
    output_tokens: int
    warnings: tuple[str, ...] = ()
    thinking: str = ""


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
