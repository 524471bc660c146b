"""How far a run is, from its events."""

from __future__ import annotations

from collections.abc import Mapping

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled

_SHARES: Mapping[events.Stage, tuple[float, float]] = {
    "synopsis": (0.0, 0.02),
    "load": (0.02, 0.06),
    "encode": (0.06, 0.08),
    "sample": (0.08, 0.9),
    "decode": (0.9, 1.0),
    "expect": (1.0, 1.0),
}
"""Where each stage begins and ends: roughly its share of the time, which is nearly all the sampler's."""

WORDS: Mapping[events.Stage, str] = {
    "synopsis": "writing the synopsis",
    "load": "loading the model",
    "encode": "encoding the states",
    "sample": "sampling",
    "decode": "decoding",
    "expect": "comparing with what is expected",
}
"""What a run does in each stage, for people who wait."""


def progress(event: events.Event, before: float) -> float:
    """How far the run is after an event.

    Args:
        event: that has come.
        before: how far it was.

    Returns:
        From 0 to 1; it never falls.
    """
    match event:
        case events.StageStart():
            now = _SHARES[event.stage][0]
        case events.Step():
            now = _inside("sample", event.step / event.steps)
        case events.FramesDecoded():
            now = _inside("decode", event.done / event.total)
        case events.RunEnd():
            now = 1.0
        case _:
            now = before
    return max(before, now)


def _inside(stage: events.Stage, share: float) -> float:
    begin, end = _SHARES[stage]
    return begin + share * (end - begin)


def words(event: events.Event) -> str | None:
    """What an event says of what is being done, in a few words; None where it says nothing of that."""
    match event:
        case events.Queued(position=before) if before:
            return f"waiting behind {before} other {'run' if before == 1 else 'runs'}"
        case events.StageStart():
            return WORDS[event.stage]
        case events.Step():
            return f"{WORDS['sample']}, step {event.step} of {event.steps}, {event.eta:.0f} s left"
        case events.FramesDecoded():
            return f"{WORDS['decode']}, frame {event.done} of {event.total}"
        case events.RunEnd():
            return f"done in {event.seconds:.1f} s"
        case events.RunFailed():
            return "cancelled" if isinstance(event.error, RunCancelled) else f"failed: {event.error}"
        case events.Paused():
            return f"paused after step {event.step}"
        case _:
            return None
