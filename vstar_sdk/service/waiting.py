"""The jobs that wait: higher priorities first, then by their coming."""

from __future__ import annotations

from bisect import bisect_left, insort

from vstar_sdk.service.records import Record

_Key = tuple[int, int, str]


class Waiting:
    """A line of jobs. Not for several threads at once."""

    def __init__(self) -> None:
        self._line: list[_Key] = []

    def __len__(self) -> int:
        return len(self._line)

    def add(self, record: Record) -> None:
        """Put a job behind those of its priority."""
        insort(self._line, _key(record))

    def take(self) -> str:
        """The id of the first, which waits no longer.

        Raises:
            IndexError: none waits.
        """
        return self._line.pop(0)[2]

    def withdraw(self, record: Record) -> bool:
        """Take a job out.

        Returns:
            Whether it waited.
        """
        place = self.before(record)
        if place is None:
            return False
        del self._line[place]
        return True

    def before(self, record: Record) -> int | None:
        """How many wait before it; None where it does not wait."""
        place = bisect_left(self._line, _key(record))
        return place if self._line[place : place + 1] == [_key(record)] else None


def _key(record: Record) -> _Key:
    return -record.priority, record.number, record.id
