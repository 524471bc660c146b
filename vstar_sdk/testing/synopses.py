"""A check for synopsis writers: the same brief, told to two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.synopses import CONTRACT
from vstar_sdk.synopsis.contract import Brief, CheckedWriter
from vstar_sdk.timeline import build

if TYPE_CHECKING:
    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.synopsis.contract import SynopsisWriter

BRIEF = Brief(prompt="a beach", frames=16, fps=8.0)
"""A clip of two seconds."""


def check_synopsis(make: Callable[[], SynopsisWriter], brief: Brief = BRIEF) -> Synopsis:
    """Have a synopsis written, as a run does; of an offline writer twice.

    Args:
        make: gives a new writer at every call, as a part's factory does.
        brief: that it can write for.

    Returns:
        The synopsis, for checks of your own.

    Raises:
        PluginError: it gives something else than a synopsis, or fails with something else than an error of vstar_sdk.
        SpecError: it refuses the brief, or its states do not fit into the clip.
        AssertionError: an offline writer writes something else the second time.
    """
    first = _write(make(), brief)
    if first.offline:
        again = _write(make(), brief).synopsis
        assert again == first.synopsis, f"asked again, it wrote {again}: an offline writer gives the same for the same brief"
    build(first.synopsis.states, brief.frames, brief.fps)
    return first.synopsis


class _Written:
    """What a writer wrote, and whether it needed no network."""

    def __init__(self, synopsis: Synopsis, offline: bool) -> None:
        self.synopsis, self.offline = synopsis, offline


def _write(writer: SynopsisWriter, brief: Brief) -> _Written:
    part: Any = Call(Origin("the synopsis writer under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), writer
    )
    try:
        if isinstance(writer, CheckedWriter):
            part.check(brief)
        return _Written(part.write(brief), part.offline)
    finally:
        part.close()
