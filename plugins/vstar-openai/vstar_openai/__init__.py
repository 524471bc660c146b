"""``openai/chat``: any language model behind an OpenAI-compatible API, for vstar-sdk."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vstar_sdk import Register, hookimpl
from vstar_sdk.backends import EndpointOptions, EnvName


class ChatOptions(EndpointOptions):
    """A model behind an OpenAI-compatible API: Ollama, vLLM, LM Studio, OpenAI, and many more."""

    model: str = Field(min_length=1, max_length=200)
    """The model's id, as the server lists it: `qwen3:8b`, `gpt-5-mini`."""
    api_key_env: EnvName | None = None
    """Name of the environment variable that holds the key. Left out, none is sent: local servers ask for none."""
    base_url: str | None = "http://127.0.0.1:11434/v1"
    """Where the API is, `/v1` included; Ollama on this machine unless set."""
    format: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    """How the server is held to the answer's shape: by its JSON Schema, to JSON of any shape, or not at all. `auto` takes the
    strictest that the server accepts, with a warning when that is not the schema."""
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    """The parameter that bounds the answer; OpenAI's reasoning models know only `max_completion_tokens`."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Left out, the server's own."""
    seed: int | None = None
    """For servers that can repeat an answer."""


@hookimpl
def register_llm_backends(register: Register) -> None:
    """Offer ``openai/chat``."""
    register(
        "chat",
        options=ChatOptions,
        factory="vstar_openai.chat:ChatBackend",
        summary="Any OpenAI-compatible API: Ollama, vLLM, LM Studio, OpenAI.",
    )
