"""A run made once more: whether its frames came out the same, and what was otherwise. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.spec.differences import differences

_BITS_DEPEND_ON = ("versions", "python", "platform", "model", "plugins")
"""Keys of a manifest that say what a video was made with, where the spec is the same."""


@dataclass(frozen=True)
class Comparison:
    """A run and its repetition.

    Attributes:
        equal: whether their frames are byte-equal; None where one of them decoded none, or does not say.
        otherwise: what they were made with where that differs: ``versions.torch: "2.8.0" -> "2.9.0"``.
    """

    equal: bool | None
    otherwise: tuple[str, ...]


def compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Compare the manifests of a run and of its repetition.

    Args:
        before: of the run.
        now: of the repetition.
    """
    was, came = ({key: record.get(key) for key in _BITS_DEPEND_ON} for record in (before, now))
    otherwise = tuple(f"{dotted(one.path)}: {' -> '.join(one.values)}" for one in differences(was, came))
    digests = before.get("frames_sha256"), now.get("frames_sha256")
    return Comparison(None if None in digests else digests[0] == digests[1], otherwise)
