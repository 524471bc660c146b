"""Telling observers what happens: one by one, so that nobody's fault is another's loss."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from vstar_sdk.errors import StopRun
from vstar_sdk.events import Event
from vstar_sdk.hooks import specs
from vstar_sdk.hooks.plugin import Plugin

_log = logging.getLogger(__name__)


class Observers:
    """The plugins that watch a run, in order.

    Args:
        plugins: those that the spec, the command line or the caller listed.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self.failures: Counter[str] = Counter()
        """Exceptions that observers raised, by namespace."""

    def tell(self, event: Event) -> None:
        """Pass an event to every implementation of ``on_<kind>``; events without such a hook reach only `Job.events`.

        Raises:
            StopRun: an observer ends the run.
        """
        hook = f"on_{event.kind}"
        if not hasattr(specs, hook):
            return
        for plugin in self.plugins:
            for call in plugin.implementations(hook):
                try:
                    call(event=event)
                except StopRun:
                    raise
                except Exception:
                    self.failures[plugin.namespace] += 1
                    _log.exception("plugin %s (%s) failed in %s", plugin.namespace, plugin.distribution, hook)
