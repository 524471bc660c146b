"""What every language model behind an HTTP API is told: who answers, where, and within which bounds."""

from __future__ import annotations

from typing import Self, cast
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from vstar_sdk.llm.addresses import REMEDY, check_address, open_to_others
from vstar_sdk.options import EnvName, Options
from vstar_sdk.reach import Address

NAME_NOT_KEY = "give the name of an environment variable that holds the key (api_key_env: MY_API_KEY), never the key itself"

_KEYS = {"api_key", "apikey", "key", "token", "auth_token", "access_token", "bearer", "secret", "password", "authorization"}


class EndpointOptions(Options):
    """Base of the options of a language model behind an HTTP API. The key stays outside; the spec holds its name.

    A subclass gives `model`, `api_key_env` and `base_url` the defaults that fit its service. No message repeats what was written,
    for it may be a key in the wrong place.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    model: str = Field(min_length=1, max_length=200)
    """The model's id."""
    api_key_env: EnvName | None
    """Name of the environment variable that holds the key."""
    base_url: Address | None = None
    """Where the API is."""
    timeout: float = Field(default=120.0, gt=0, le=600)
    """Seconds that one attempt may take; all attempts and the waits between them take at most `(retries + 1)` times as long."""
    retries: int = Field(default=2, ge=0, le=10)
    """Further attempts after a lost connection, a timeout, a rate limit or a server error."""
    max_tokens: int | None = Field(default=None, ge=256, le=1_000_000)
    """Limit of tokens for one answer, thinking included. Default: 8,192, and 16,384 when an
    answer was cut off."""
    insecure: bool = False
    """Also send the key over plain http to another machine. Others on the network can then read it."""

    def tokens(self, wanted: int) -> int:
        """Tokens that one answer may have: `max_tokens`, or where that is left out what is wanted (`Request.max_tokens`)."""
        return wanted if self.max_tokens is None else self.max_tokens

    @model_validator(mode="before")
    @classmethod
    def _no_key(cls, written: object) -> object:
        given = cast("dict[object, object]", written) if issubclass(type(written), dict) else {}
        for name in map(str, given):
            if name.lower().replace("-", "_") in _KEYS:
                raise ValueError(f"{name}: {NAME_NOT_KEY}")
        return written

    @field_validator("api_key_env", mode="wrap")
    @classmethod
    def _name_of_a_variable(cls, name: object, validate: ValidatorFunctionWrapHandler) -> str | None:
        try:
            return validate(name)
        except ValidationError:
            raise ValueError(NAME_NOT_KEY) from None

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        check_address(url)
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"write an address without a user, a password or a query; {NAME_NOT_KEY}")
        return url

    @model_validator(mode="after")
    def _key_stays_between_two(self) -> Self:
        if self.base_url and self.api_key_env and not self.insecure and open_to_others(self.base_url):
            raise ValueError(f"base_url: over plain http others on the network can read the key; {REMEDY}")
        return self
