"""How a clip was made, in a line: for contact sheets and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.yaml_reader import read_yaml


def made_with(spec: str) -> str:
    """Model, seed, scheduler, steps, guidance and regularizers of a resolved spec.

    Args:
        spec: as YAML text.

    Returns:
        Such as ``miniworld · seed 7 · ddim, 25 steps · guidance 4 · tar``; "" for a text that is not a resolved spec.
    """
    try:
        data, _ = read_yaml(spec, "the spec")
    except SpecError:
        return ""
    if not isinstance(data, dict):
        return ""
    written = cast(dict[str, Any], data)
    sampling = _mapping(written.get("sampling"))
    scheduler, guidance, steps = _name(sampling.get("scheduler")), sampling.get("guidance"), sampling.get("steps")
    scale = _mapping(guidance).get("scale", guidance)
    regularizers = [_name(one) for one in written.get("regularizers") or ()]
    facts = [
        _name(written.get("model")),
        f"seed {written['seed']}" if "seed" in written else "",
        f"{scheduler}, {steps} steps" if scheduler and steps else "",
        f"guidance {scale:g}" if isinstance(scale, int | float) else "",
        ", ".join(name for name in regularizers if name) or ("no regularizer" if "regularizers" in written else ""),
    ]
    return " · ".join(fact for fact in facts if fact)


def _name(part: object) -> str:
    """What a spec calls a part."""
    return part if isinstance(part, str) else str(_mapping(part).get("use", ""))


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}
