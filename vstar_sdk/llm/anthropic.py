"""``anthropic``: Claude models, through the Anthropic Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.llm.anthropic_options import SERVICE, AnthropicOptions
from vstar_sdk.llm.contract import Completion, Request
from vstar_sdk.llm.secrets import read_secret
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.resolver import Resolver

if TYPE_CHECKING:
    from vstar_sdk.llm.messages_api import MessagesApi


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
            secret = read_secret(self._resolver, self._options.api_key_env, SERVICE)
            from vstar_sdk.llm.messages_api import MessagesApi  # the SDK takes seconds to import

            self._api = MessagesApi(self._options, secret)
        return self._api.ask(request)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._api is not None:
            self._api.close()
            self._api = None


@hookimpl
def register_llm_backends(register: Register) -> None:
    """Offer ``anthropic``."""
    register("anthropic", options=AnthropicOptions, factory=AnthropicBackend, summary="Claude models, through the Anthropic API.")
