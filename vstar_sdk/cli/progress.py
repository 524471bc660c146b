"""The progress of a run on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vstar_sdk import events
from vstar_sdk.cli.printing import on_terminal, renew, say
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.progress import WORDS

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """Shows events.

    Args:
        quiet: show warnings only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = on_terminal()
        self._open = False
        self._bar: tqdm[Any] | None = None
        self._tenths = 0

    def show(self, event: events.Event) -> None:
        """Show one event, if it is one that people wait for."""
        match event:
            case events.Warned():
                self._line(event.message, label="warning: ", color="yellow")
            case _ if self._quiet:
                return
            case events.StageStart():
                self._begin(WORDS[event.stage])
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
            case events.Expected(kept=True):
                self._line(f"as expected: {printable(event.expect)}")
            case events.Artifact():
                self._line(f"wrote {printable(str(event.path))}")
            case events.Paused(preview=Path() as preview):
                self._line(f"wrote {printable(str(preview))}")
            case events.RunEnd():
                self._line(f"done in {event.seconds:.1f} s")
            case _:
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the cursor on a fresh line."""
        self._end_bar()
        if self._open:
            say("")
            self._open = False

    def _begin(self, text: str) -> None:
        """Tell a stage: on a terminal until something else is told."""
        self._end_bar()
        self._tenths = 0
        if self._live:
            renew(text)
            self._open = True
        else:
            say(text)

    def _share(self, stage: str, done: int, total: int, text: str) -> None:
        """A terminal shows a bar; a log file a line at each tenth."""
        if self._live:
            with suppress(OSError, ValueError):  # nobody sees it
                self._bar = self._bar or self._new_bar(stage, total)
                self._bar.update(done - self._bar.n)
            return
        tenths = 10 * done // total
        if tenths > self._tenths:
            say(f"{stage}: {text}")
        self._tenths = tenths

    def _new_bar(self, stage: str, total: int) -> tqdm[Any]:
        from tqdm import tqdm

        self._clear()
        tqdm.monitor_interval = 0  # no thread of its own
        return tqdm(total=total, desc=stage, leave=False, dynamic_ncols=True, mininterval=0)

    def _end_bar(self) -> None:
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None

    def _clear(self) -> None:
        if self._open:
            renew("")
            self._open = False

    def _line(self, text: str, *, label: str = "", color: str | None = None) -> None:
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.clear()
        self._clear()
        say(text, label=label, color=color)
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.refresh()
