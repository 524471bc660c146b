"""Telling observers what happens: one by one, so that nobody's fault is another's loss."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vstar_sdk import events
from vstar_sdk.errors import StopRun
from vstar_sdk.plugin.boundary.faults import text_of
from vstar_sdk.plugin.plugin import HOOKS, Plugin

_log = logging.getLogger(__name__)

_TOO_LATE = (events.RunEnd, events.RunFailed)


class Observers:
    """The plugins that watch one run, in order.

    Args:
        plugins: those that the spec, the command line or the caller listed.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._failures: Counter[tuple[int, str]] = Counter()
        self._first: dict[tuple[int, str], str] = {}

    def tell(self, event: events.Event, **more: Any) -> None:
        """Pass an event to every implementation of its hook; events without one reach only `Job.events`.

        Args:
            event: what happened.
            more: what else the hook is given.

        Raises:
            StopRun: an observer ends the run, while there still is one to end.
        """
        hook = event.hook or f"on_{event.kind}"
        if hook not in HOOKS:
            return
        for place, plugin in enumerate(self.plugins):
            for call in plugin.implementations(hook):
                try:
                    call(event=event, **more)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # SystemExit too: an observer cannot end the program
                    if isinstance(error, StopRun) and not isinstance(event, _TOO_LATE):
                        raise
                    self._failures[place, hook] += 1
                    self._first.setdefault((place, hook), text_of(error))
                    _log.warning("plugin %s failed in %s", plugin, hook, exc_info=error)

    def faults(self) -> tuple[str, ...]:
        """One sentence for each plugin and hook that failed: how often, and why the first time."""
        return tuple(
            f"plugin {self.plugins[place]} failed in {hook}, {_times(count)}: {self._first[place, hook]}"
            for (place, hook), count in self._failures.items()
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times, at first"
