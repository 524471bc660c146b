"""Lists of jobs, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vstar_sdk.service.records import Record
from vstar_sdk.service.refusals import absent


@dataclass(frozen=True)
class Page:
    """Some jobs of a list.

    Attributes:
        records: in order.
        more: whether others follow.
    """

    records: Sequence[Record]
    more: bool

    def json(self, written: Callable[[Record], dict[str, Any]]) -> dict[str, Any]:
        """As OpenAI's lists are."""
        return {
            "object": "list",
            "data": [written(record) for record in self.records],
            "first_id": self.records[0].id if self.records else None,
            "last_id": self.records[-1].id if self.records else None,
            "has_more": self.more,
        }


def page(records: Sequence[Record], after: str | None, limit: int, order: Literal["asc", "desc"]) -> Page:
    """A page of a list.

    Args:
        records: all, in any order.
        after: id of the job before the page; None: the page is the first.
        limit: jobs of the page, at most.
        order: by their coming: ``asc`` or ``desc``.

    Raises:
        Refusal: there is no job ``after``.
    """
    line = sorted(records, key=lambda record: record.number, reverse=order == "desc")
    first = 0
    if after is not None:
        places = [place for place, record in enumerate(line) if record.id == after]
        if not places:
            raise absent("video to continue after")
        first = places[0] + 1
    return Page(line[first : first + limit], first + limit < len(line))
