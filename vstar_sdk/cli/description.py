"""A plan in words, and as JSON data: what a run will do."""

from __future__ import annotations

import dataclasses
from typing import Any

from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.settings import Settings


def describe(plan: Plan, *, sites: bool = False) -> str:
    """The plan in a few lines; ``sites``: every attention by itself."""
    numbers = plan.settings
    lines = [
        plan.summary(),
        f"scheduler {numbers.scheduler}, guidance {_guidance(numbers)}, eta {numbers.eta:g}, seed {numbers.seed}",
        "",
    ]
    if plan.story is None:
        lines.append(f"the key states will be written by {plan.spec.synopsis.part}")
    else:
        for number, (state, span) in enumerate(zip(plan.story.synopsis.states, plan.story.timeline.spans(), strict=True), 1):
            lines.append(f"{number}. frames {span[0]}-{span[1]}: {state.caption}")
    attention = plan.attention.describe if sites else plan.attention.summary
    return "\n".join([*lines, "", attention(numbers.steps)])


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data: ``model``, ``settings``, ``states`` (None where they are to be written) and ``attention``."""
    steps, story = plan.settings.steps, plan.story
    told = None
    if story is not None:
        told = [
            {"caption": state.caption, "anchor": anchor, "rules": list(span)}
            for state, anchor, span in zip(story.synopsis.states, story.timeline.anchors, story.timeline.spans(), strict=True)
        ]
    return {
        "model": plan.facts.name,
        "settings": dataclasses.asdict(plan.settings),
        "states": told,
        "attention": {
            "untouched": plan.attention.untouched,
            "sites": [
                {
                    "name": site.site.name,
                    "level": site.site.level,
                    "stretches": [
                        {"steps": [part.steps[0], part.steps[-1]], "execution": part.recipe.words, "by": part.regularizers}
                        for part in site.stretches(steps)
                    ],
                }
                for site in plan.attention.sites
            ],
        },
    }


def _guidance(numbers: Settings) -> str:
    by = "" if numbers.guided_by == "cfg" else f" by {numbers.guided_by}"
    return f"{numbers.guidance:g}{by}"
