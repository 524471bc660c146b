"""The page on the public names of the package, from the stub that lists them; Sphinx fills in their docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from vstar_sdk import backends, events

STUB = Path(__file__).parents[1] / "vstar_sdk" / "__init__.pyi"

HEAD = """\
# Python reference

*Written from the code by `python -m docs.references`; the site shows each name with its docstring.*

Names are imported from `vstar_sdk` itself (`from vstar_sdk import Session`), except where a section names its module. Public too
are `vstar_sdk.options` and `vstar_sdk.moments`, which the pages on plugins describe. [From Python](../python.md) shows how they
work together. What is on no list of this page may change without notice.
"""

GROUPS = {
    "Running": ("runs", "spec", "watching"),
    "Sweeps": ("sweeps",),
    "Scores": ("scoring",),
    "A pipeline that you hold": ("attaching",),
    "Errors": ("errors",),
    "Synopsis and time": ("synopses", "synopsis", "texts", "timeline", "clock", "footage"),
    "Regularizers": ("regularizers", "attention"),
    "Models": ("models", "weights"),
    "Sampling": ("sampling",),
    "Language models": ("llm",),
    "Finishers, metrics, exporters": ("finishers", "metrics", "output"),
    "Options": ("options",),
    "Plugins": ("parts", "plugin", "resolver"),
    "Events": ("events",),
}

KIT = STUB.parent / "testing"


def page() -> str:
    """The whole page, as Markdown."""
    found = re.findall(r"^from \.(\w+)\S* import (\w+)", STUB.read_text(encoding="utf-8"), re.MULTILINE)
    rooms = [room for group in GROUPS.values() for room in group]
    if missing := {room for room, _ in found} - {*rooms}:
        raise ValueError(f"no group of the Python reference has the names of {', '.join(sorted(missing))}")
    lines = [HEAD]
    for title, group in GROUPS.items():
        lines += [f"## {title}\n", _group(name for room, name in found if room in group)]
    lines += ["## Every event: `vstar_sdk.events`\n", _group(_events(), "vstar_sdk.events")]
    lines += [
        "## For HTTP backends: `vstar_sdk.backends`\n",
        _group((name for name in backends.__all__ if name != "EnvName"), "vstar_sdk.backends"),
    ]
    lines += ["## The kit for tests: `vstar_sdk.testing`\n"]
    lines += [_group(names, f"vstar_sdk.testing.{module}") for module, names in _kit().items()]
    return "\n".join(lines).rstrip("\n") + "\n"


def _events() -> list[str]:
    """The classes of events, in the order of a run."""
    return [
        name
        for name, thing in vars(events).items()
        if inspect.isclass(thing) and issubclass(thing, events.Event) and thing is not events.Event
    ]


def _kit() -> dict[str, list[str]]:
    """The public functions of the kit, by module."""
    modules = sorted(path.stem for path in KIT.glob("[a-z]*.py"))
    names = {module: vars(importlib.import_module(f"vstar_sdk.testing.{module}")) for module in modules}
    return {
        module: [
            name
            for name, thing in own.items()
            if name[0] != "_"
            and (inspect.isfunction(thing) or inspect.isclass(thing))
            and thing.__module__ == f"vstar_sdk.testing.{module}"
        ]
        for module, own in names.items()
    }


def _group(names: Iterable[str], module: str = "vstar_sdk") -> str:
    """What Sphinx fills in: each name with its docstring."""
    return "\n".join(["```{eval-rst}", *(line for name in names for line in _directive(module, name)), "```", ""])


def _directive(module: str, name: str) -> list[str]:
    thing = getattr(importlib.import_module(module), name)
    if inspect.isclass(thing):
        return [f".. autoclass:: {module}.{name}", "   :members:"]
    if inspect.isfunction(thing):
        return [f".. autofunction:: {module}.{name}"]
    return [f".. autodata:: {module}.{name}", "   :no-value:"]
