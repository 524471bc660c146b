"""Keys of language models: fetched by name, shown to nobody."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from urllib.parse import quote

from vstar_sdk.errors import BackendError
from vstar_sdk.resolver import Resolver

SHORTEST = 12
"""Characters of the shortest key that is a secret; servers that ask for none are given a placeholder, such as ``none``."""

HIDDEN = "[key]"
"""What stands in place of a key."""


class Secret:
    """A key that no repr, message or traceback shows.

    Args:
        name: what the spec calls it, usually the name of an environment variable.
        value: the key itself.

    Raises:
        BackendError: no header can hold the key.
    """

    __slots__ = ("_pattern", "_value", "name")

    def __init__(self, name: str, value: str) -> None:
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise BackendError(
                f"the environment variable {name} is not a valid key: it has a space, a line break or a special character",
                hint=f"set {name} to the key only",
            )
        self.name = name
        self._value = value
        forms = {value, quote(value, safe=""), value.replace("/", "\\/")}
        self._pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.IGNORECASE)

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not copied or pickled")

    def reveal(self) -> str:
        """The key, for the header that it is sent in and for nothing else."""
        return self._value

    def hide(self, text: str) -> str:
        """The text without the key, which a server may have sent back. Do this before any shortening, never after."""
        return self._pattern.sub(HIDDEN, text) if len(self._value) >= SHORTEST else text


def read_secret(resolver: Resolver, name: str, service: str) -> Secret:
    """The key of that name.

    Args:
        resolver: asks the run's plugins, then the environment.
        name: what the spec says: ``api_key_env``.
        service: whose key it is, for messages: ``the Anthropic API``.

    Raises:
        BackendError: nobody knows it, or it cannot be a key.
    """
    value = resolver.secret(name)
    if not value:
        raise BackendError(
            f"the environment variable {name} is not set; it must contain the key of {service}",
            hint=f"export {name}=... ; or name another variable in synopsis.backend.api_key_env",
        )
    return Secret(name, value)


class _Redaction(logging.Filter):
    """Takes a key out of what others log: an HTTP library logs headers and reason phrases, in which a server may repeat it."""

    def __init__(self, secret: Secret) -> None:
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._secret.hide(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._secret.hide(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


@contextmanager
def redacted_logs(secret: Secret, roots: Iterable[str]) -> Generator[None]:
    """Keeps a key out of the log records of these libraries, their existing child loggers included."""
    loggers = [logging.getLogger(name) for name in _below(tuple(roots))]
    redaction = _Redaction(secret)
    for logger in loggers:
        logger.addFilter(redaction)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redaction)


def _below(roots: tuple[str, ...]) -> list[str]:
    known = list(logging.Logger.manager.loggerDict)
    return [*roots, *(name for name in known if name.startswith(tuple(f"{root}." for root in roots)))]
