"""What a part's factory must return, by kind: checked when it is called, so that nonsense is told where it was made."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

CONTRACTS: Mapping[str, str] = {
    "models": "vstar_sdk.models.contract:ModelSource",
    "regularizers": "vstar_sdk.regularizers.contract:Regularizer",
    "synopses": "vstar_sdk.synopsis.contract:SynopsisWriter",
    "llm_backends": "vstar_sdk.synopsis.contract:Backend",
    "exporters": "vstar_sdk.output.contract:Exporter",
}
"""The Protocol of each kind of part."""


def broken(kind: str, made: object) -> str | None:
    """How an object falls short of its kind's Protocol, or None when it does not.

    Args:
        kind: a key of `CONTRACTS`.
        made: what a factory returned.
    """
    module, _, name = CONTRACTS[kind].partition(":")
    protocol = getattr(importlib.import_module(module), name)
    members = {**protocol.__annotations__, **vars(protocol)}
    methods = [member for member in members if not member.startswith("_") and callable(members[member])]
    missing = [f"{member}()" for member in methods if not callable(getattr(made, member, None))]
    missing += [
        member for member in members if not member.startswith("_") and member not in methods and not hasattr(made, member)
    ]
    if not missing:
        return None
    returned = "None" if made is None else f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
    return f"{returned} instead of a vstar_sdk.{name}: it has no {', '.join(missing)}"
