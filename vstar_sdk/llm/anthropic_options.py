"""What the part ``anthropic`` is told."""

from __future__ import annotations

from pydantic import Field

from vstar_sdk.llm.endpoint_options import EndpointOptions
from vstar_sdk.options import EnvName

SERVICE = "the Anthropic API"


class AnthropicOptions(EndpointOptions):
    """A Claude model. The key stays in an environment variable; the spec holds its name."""

    model: str = Field(default="claude-sonnet-5-5", min_length=1, max_length=200)
    """The model's id."""
    api_key_env: EnvName = "ANTHROPIC_API_KEY"  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen)
    """Name of the environment variable that holds the key."""
    base_url: str | None = None
    """Address of the API. Default: `ANTHROPIC_BASE_URL` if that is set, else Anthropic's own."""
