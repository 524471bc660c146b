"""What a part's factory must return, by kind: checked when it is called, so that nonsense is told where it was made."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

CONTRACTS: Mapping[str, str] = {
    "models": "vstar_sdk.models.contract:ModelSource",
    "regularizers": "vstar_sdk.regularizers.contract:Regularizer",
    "synopses": "vstar_sdk.synopsis.contract:SynopsisWriter",
    "llm_backends": "vstar_sdk.llm.contract:Backend",
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
    members: dict[str, Any] = {**protocol.__annotations__, **vars(protocol)}
    public = {member: callable(value) for member, value in members.items() if not member.startswith("_")}
    missing = [f"{member}()" for member, called in public.items() if called and not callable(getattr(made, member, None))]
    missing += [member for member, called in public.items() if not called and not hasattr(made, member)]
    if not missing:
        return None
    returned = "None" if made is None else f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
    return f"{returned} instead of a vstar_sdk.{name}: it has no {', '.join(missing)}"
