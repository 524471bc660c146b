"""Errors of vstar_sdk as ComfyUI shows them: the message alone, so that the remedy has to stand in it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from vstar_sdk import VstarError


class NodeError(RuntimeError):
    """What went wrong in a node, with the remedy."""


@contextmanager
def with_remedy() -> Generator[None]:
    """Errors that leave the block say what to do."""
    try:
        yield
    except VstarError as error:
        raise NodeError(f"{error}\nWhat to do: {error.hint}" if error.hint else str(error)) from error
