"""What a level does, by taking its attention away: the identity and even attention in its place (the method's analysis).

With the identity every frame of a level sees itself alone, with even attention all of them equally. Of models that are one stack
of equal blocks, stretches of blocks take the place of levels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.models.facts import Facts
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.overrides import with_value
from vstar_sdk.spec.sweep_keys import SWEEP

MEASURED = ("evolution", "flicker", "frozen", "layout")
"""The metrics of a spec that lists none."""
_ORIGIN = "vstar analyze levels"


def variants(facts: Facts, parts: int) -> dict[str, list[dict[str, Any]]]:
    """The regularizers of every variant by its name, the plain model first.

    Args:
        facts: of the model.
        parts: into how many stretches a stack of blocks is cut.

    Raises:
        SpecError: the model has no attention over frames.
    """
    places: dict[str, dict[str, Any]] = {f"level {level}": {"levels": [level]} for level in facts.levels}
    blocks = sorted({site.index for site in facts.sites if site.index is not None})
    if blocks:
        count = min(parts, len(blocks))
        ends = [round(len(blocks) * part / count) for part in range(count + 1)]
        stretches = [(blocks[start], blocks[end - 1]) for start, end in pairwise(ends)]
        places = {f"blocks {first} to {last}": {"blocks": [first, last]} for first, last in stretches}
    if not places:
        raise SpecError(f"{facts.name} has no attention over frames", hint="use another model")
    plain: dict[str, list[dict[str, Any]]] = {"the model alone": []}
    return plain | {
        f"{what}, {place}": [{"use": use, **where}]
        for place, where in places.items()
        for use, what in (("identity", "identity"), ("uniform", "even attention"))
    }


def swept(document: Document, chosen: dict[str, list[dict[str, Any]]]) -> Document:
    """The sweep of a spec over variants; each writes a video.

    Args:
        document: the spec; its own regularizers give way.
        chosen: from `variants`.

    Raises:
        SpecError: it is a sweep already.
    """
    if SWEEP in document.data:
        raise SpecError("this spec has a key 'sweep'", hint="remove it: the levels are swept here", path=(SWEEP,))
    if not document.data.get("metrics"):
        document = with_value(document, ("metrics",), [{"use": name} for name in MEASURED], _ORIGIN)
    document = with_value(document, ("output",), [{"use": "mp4"}], _ORIGIN)
    return with_value(document, (SWEEP,), {"regularizers": list(chosen.values())}, _ORIGIN)
