"""The progress of a run on stderr: one line that renews itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
from typing import Self

from vstar_sdk import events
from vstar_sdk.cli.printing import on_terminal, renew, say
from vstar_sdk.reading.escapes import printable

_STAGES = {
    "synopsis": "writing the synopsis",
    "load": "loading the model",
    "encode": "encoding the states",
    "sample": "sampling",
    "decode": "decoding",
}


class Progress:
    """Shows events.

    Args:
        quiet: show warnings only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = on_terminal()
        self._open = False
        self._tenths = 0

    def show(self, event: events.Event) -> None:
        """Show one event, if it is one that people wait for."""
        match event:
            case events.Warned():
                self._line(event.message, label="warning: ", color="yellow")
            case _ if self._quiet:
                return
            case events.StageStart():
                self._tenths = 0
                self._update(_STAGES[event.stage], always=True)
            case events.SynopsisReady():
                for number, (state, (first, last)) in enumerate(
                    zip(event.synopsis.states, event.timeline.spans(), strict=True), 1
                ):
                    self._line(f"  {number}. frames {first}-{last}: {state.caption}")
            case events.Step():
                self._share("sampling", event.step, event.steps, f"step {event.step}/{event.steps}, {event.eta:.0f} s left")
            case events.FramesDecoded():
                self._share("decoding", event.done, event.total, f"frame {event.done}/{event.total}")
            case events.Measured():
                self._line(", ".join(f"{printable(name)} {number:.4g}" for name, number in event.numbers.items()))
            case events.Artifact():
                self._line(f"wrote {printable(str(event.path))}")
            case events.RunEnd():
                self._line(f"done in {event.seconds:.1f} s")
            case _:
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the cursor on a fresh line."""
        if self._open:
            say("")
            self._open = False

    def _share(self, stage: str, done: int, total: int, text: str) -> None:
        """A terminal shows every step; a log file a line at each tenth."""
        tenths = 10 * done // total
        self._update(f"{stage}: {text}", always=tenths > self._tenths)
        self._tenths = tenths

    def _update(self, text: str, *, always: bool) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            renew(text[:width])
            self._open = True
        elif always:
            say(text)

    def _line(self, text: str, *, label: str = "", color: str | None = None) -> None:
        if self._open:
            renew("")
            self._open = False
        say(text, label=label, color=color)
