"""What happens to an order before it becomes a job: it is completed and checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vstar_sdk.runs.plan import Plan
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.orders import Order, checked, completed, continued
from vstar_sdk.service.records import Record
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import LoadedSpec, SpecLoader
from vstar_sdk.spec.writing import as_yaml

SPEC = "spec.yaml"
_AT_ONCE = 2
"""Orders that are checked at the same time: it is work of the processor."""


class Intake:
    """Checks orders.

    Args:
        guard: what the specs of clients may reach.
        defaults: count where a spec is silent.
        limits: how much a run may take.
        run_of: the run directory of a finished job, for one that continues from it.
    """

    def __init__(self, guard: Guard, defaults: Document | None, limits: Limits, run_of: Callable[[str], Path]) -> None:
        self._guard, self._defaults, self._limits, self._run_of = guard, defaults, limits, run_of
        self._loader = SpecLoader(guard=guard)
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def check(self, order: Order, folder: Path) -> tuple[Callable[[str, int], Record], bytes]:
        """Check an order.

        Args:
            order: as it was sent.
            folder: that its job is going to have, with what was uploaded; relative paths of the spec begin there.

        Returns:
            What makes its record from an id and a place among all jobs, and its spec as a file holds it.

        Raises:
            Refusal: it continues from a job that is not there, or not done.
            VstarError: its spec is wrong, or reaches what it may not.
        """
        document, plan = self._planned(order.document, folder, (folder,) if order.files else ())
        final = plan.final
        record = partial(
            Record,
            created=int(time.time()),
            state="queued",
            spec=SPEC,
            priority=order.priority,
            prompt=plan.spec.prompt,
            model=order.model or plan.facts.name,
            seconds=final.frames / final.fps,
            frames=final.frames,
            width=final.width,
            height=final.height,
            key=order.key,
            fingerprint=order.fingerprint,
        )
        return record, as_yaml(document.data).encode()

    def plan(self, document: Document, folder: Path, more: tuple[Path, ...] = ()) -> Plan:
        """What a spec would do; see `check`.

        Args:
            document: the spec.
            folder: where its relative paths begin.
            more: folders that it may read.
        """
        return self._planned(document, folder, more)[1]

    def _planned(self, document: Document, folder: Path, more: tuple[Path, ...]) -> tuple[Document, Plan]:
        whole, roots = continued(completed(document, folder, self._defaults), self._run_of)
        with self._turn:
            return whole, checked(self._loaded(whole, (*roots, *more)), self._limits)

    def _loaded(self, document: Document, roots: tuple[Path, ...]) -> LoadedSpec:
        """The valid spec of a document, which may reach some folders more than any."""
        if not roots:
            return self._loader.load(document)
        guard = self._guard.model_copy(update={"roots": (*self._guard.roots, *roots)})
        return SpecLoader(guard=guard).load(document)
