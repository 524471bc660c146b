"""Imports made while somebody else works: a language model or a server that is waited for. No torch."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from vstar_sdk.runs.plan import Plan

STAGES = ("vstar_sdk.runs.stages.encode", "vstar_sdk.runs.stages.sample")
"""What every run imports once its synopsis is written; torch comes with it."""

_log = logging.getLogger(__name__)


@contextmanager
def imports_ahead(plan: Plan) -> Generator[None]:
    """Open around the writing of a synopsis: meanwhile a thread imports what the later stages and the model need.

    Where the synopsis is there already, nothing is waited for, and the imports come when they are needed.

    Args:
        plan: of the run. Its model's source may have ``modules``, names of what its ``load`` imports.
    """
    if plan.story is not None:
        yield
        return
    modules = (*STAGES, *getattr(plan.source, "modules", ()))
    thread = threading.Thread(target=_import, args=(modules,), name="vstar-imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()  # two threads in the midst of the same packages would be in each other's way


def _import(modules: Sequence[str]) -> None:
    """Import; a fault is raised by whoever imports the module later."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            _log.info("%s cannot be imported ahead: %s", module, error)
            return
