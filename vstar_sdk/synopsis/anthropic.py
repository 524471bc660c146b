"""``anthropic``: Claude models, through the Anthropic Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from vstar_sdk.errors import BackendError
from vstar_sdk.options import EnvName, Options
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.synopsis.contract import Completion, Request

if TYPE_CHECKING:
    from vstar_sdk.synopsis.messages_api import MessagesApi

NAME_NOT_KEY = (
    "give the name of an environment variable that holds the key (api_key_env: ANTHROPIC_API_KEY), never the key itself"
)


class AnthropicOptions(Options):
    """A Claude model. The key stays in an environment variable; the spec holds its name."""

    model_config = ConfigDict(hide_input_in_errors=True)

    model: str = Field(default="claude-sonnet-5-5", min_length=1, max_length=200)
    """The model's id."""
    api_key_env: EnvName = "ANTHROPIC_API_KEY"
    """Name of the environment variable that holds the key."""
    base_url: str | None = None
    """Where the API is. Left out: `ANTHROPIC_BASE_URL` if that is set, else Anthropic's own."""
    timeout: float = Field(default=120.0, gt=0, le=600)
    """Seconds that one attempt may take; all attempts and the waits between them take at most `(retries + 1)` times as long."""
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts after a lost connection, a timeout, a rate limit or a server error."""
    max_tokens: int = Field(default=16_384, ge=256, le=65_536)
    """Most tokens of one answer, the model's thinking included; it is cut off there."""

    @model_validator(mode="before")
    @classmethod
    def _no_key(cls, written: object) -> object:
        given = cast("dict[object, object]", written) if issubclass(type(written), dict) else {}
        for name in map(str, given):
            if name.lower().replace("-", "_") in {"api_key", "apikey", "key", "token", "auth_token", "secret", "password"}:
                raise ValueError(f"{name}: {NAME_NOT_KEY}")
        return written

    @field_validator("api_key_env", mode="wrap")
    @classmethod
    def _name_of_a_variable(cls, name: object, validate: ValidatorFunctionWrapHandler) -> str:
        try:
            return validate(name)
        except ValidationError:
            raise ValueError(NAME_NOT_KEY) from None

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
                raise ValueError
        except ValueError:  # urllib's quotes the port, which may be a password
            raise ValueError("write an address such as https://host or http://127.0.0.1:8080") from None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"write an address without a user, a password or a query; {NAME_NOT_KEY}")
        return url


class AnthropicBackend:
    """Connects when it is first asked, and keeps the connection warm until `close`.

    Args:
        options: the validated options.
        resolver: knows the key by the name of its variable; left out, the environment alone is asked.
    """

    def __init__(self, options: AnthropicOptions, *, resolver: Resolver | None = None) -> None:
        self._options = options
        self._resolver = resolver or Resolver()
        self._api: MessagesApi | None = None

    def complete(self, request: Request) -> Completion:
        """Ask once, within the options' bounds of time, attempts and tokens.

        Raises:
            BackendError: there is no key, or no answer could be had; never holds the key.
        """
        if self._api is None:
            key = self._key()
            from vstar_sdk.synopsis.messages_api import MessagesApi  # the SDK takes seconds to import

            self._api = MessagesApi(self._options, key)
        return self._api.ask(request)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._api is not None:
            self._api.close()
            self._api = None

    def _key(self) -> str:
        name = self._options.api_key_env
        key = self._resolver.secret(name)
        if not key:
            raise BackendError(
                f"the environment variable {name} is not set: it must hold the key of the Anthropic API",
                hint=f"export {name}=... ; or name another variable in synopsis.backend.api_key_env",
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise BackendError(
                f"the environment variable {name} holds no key: there is a space, a line break or a special character in it",
                hint=f"set {name} to the key alone",
            )
        return key


@hookimpl
def register_llm_backends(register: Register) -> None:
    """Offer ``anthropic``."""
    register("anthropic", options=AnthropicOptions, factory=AnthropicBackend, summary="Claude models, through the Anthropic API.")
