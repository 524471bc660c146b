"""A job as the service knows it, and as its file holds it."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]

ENDED: frozenset[State] = frozenset(("done", "failed", "cancelled"))

ID = re.compile(r"video_[0-9a-f]{32}")
"""What the id of a job is like: 128 random bits, so that nobody finds another's by trying."""


def new_id() -> str:
    """An id that no job has."""
    return f"video_{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Record:
    """A job.

    Attributes:
        id: names it, and its folder.
        number: its place among all jobs, by their coming.
        created: when it came, in seconds since 1970.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        spec: name of the file with its spec.
        priority: higher ones run first.
        prompt: of the clip.
        model: its model, as whoever asked called it.
        seconds: length of the finished clip.
        frames: of the finished clip.
        width: in pixels.
        height: in pixels.
        key: the ``Idempotency-Key`` that came with it.
        fingerprint: of the request that came with that key.
        attempts: how often it was begun and not ended.
        finished: when it ended.
        error: why it failed: ``code``, ``message``, ``hint``.
        progress: from 0 to 1.
    """

    id: str
    number: int
    created: int
    state: State
    spec: str
    priority: int = 0
    prompt: str = ""
    model: str = ""
    seconds: float = 0.0
    frames: int = 0
    width: int = 0
    height: int = 0
    key: str | None = None
    fingerprint: str | None = None
    attempts: int = 0
    finished: int | None = None
    error: Mapping[str, Any] | None = field(default=None)
    progress: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    def json(self) -> dict[str, Any]:
        """As its file holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Record:
        """The job of a file.

        Raises:
            TypeError: it is none.
            ValueError: its id is none.
        """
        record = cls(**data)
        if not ID.fullmatch(record.id):
            raise ValueError(f"{record.id!r} is not the id of a job")
        return record
