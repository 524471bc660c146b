"""A plan in words, and as JSON data: what a run will do."""

from __future__ import annotations

import dataclasses
from typing import Any

from vstar_sdk.frame_ranges import as_ranges
from vstar_sdk.runs.exporters import carrying
from vstar_sdk.runs.instruments import metrics_of, numbers_of
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.settings import Settings
from vstar_sdk.spec.expectations import expectations


def describe(plan: Plan, *, sites: bool = False) -> str:
    """The plan in a few lines; ``sites``: every attention by itself."""
    numbers = plan.settings
    lines = [
        plan.summary(),
        *_behind(plan),
        f"scheduler {numbers.scheduler}, guidance {_guidance(numbers)}, eta {numbers.eta:g}, seed {numbers.seed}",
        "",
    ]
    if plan.story is None:
        lines.append(f"key states: written during the run by {plan.spec.synopsis.part}")
    else:
        for number, (state, span) in enumerate(zip(plan.story.synopsis.states, plan.story.timeline.spans(), strict=True), 1):
            lines.append(f"{number}. frames {span[0]}-{span[1]}: {state.caption}")
    if plan.text.reads == "states":
        lines.append(f"text by {plan.spec.timeline.part}: every frame reads that of all states, most of all its own")
    if plan.kept is not None:
        lines.append(plan.kept.words())
    if plan.beginning is not None:
        lines += plan.beginning.words()
    attention = plan.attention.describe if sites else plan.attention.summary
    return "\n".join([*lines, "", attention(numbers.steps)])


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data: ``model``, ``settings``, ``final`` (of the frames), ``sound``, ``metrics`` (names), ``expect``
    (texts), ``attention``, and ``states``, None where they are to be written.
    """
    steps, story = plan.settings.steps, plan.story
    states = None
    if story is not None:
        states = [
            {"caption": state.caption, "anchor": anchor, "rules": list(span)}
            for state, anchor, span in zip(story.synopsis.states, story.timeline.anchors, story.timeline.spans(), strict=True)
        ]
    return {
        "model": plan.facts.name,
        "settings": dataclasses.asdict(plan.settings),
        "final": plan.final.json(),
        "sound": plan.sound.json() if plan.sound is not None else None,
        "metrics": numbers_of(metrics_of(plan.loaded)),
        "expect": [str(one) for one in expectations(plan.spec.expect)],
        "states": states,
        "kept": None
        if plan.kept is None
        else {
            "run": plan.kept.parent.run,
            "frames": as_ranges(plan.kept.frames),
            "latents": as_ranges(plan.kept.latents),
            "made": as_ranges(plan.kept.made),
        },
        "beginning": None
        if plan.beginning is None
        else {
            "shots": plan.beginning.record(),
            "frames": as_ranges(plan.beginning.kept),
            "made": as_ranges(plan.beginning.made),
        },
        "attention": {
            "untouched": plan.attention.untouched,
            "sites": [
                {
                    "name": site.site.name,
                    "level": site.site.level,
                    "stretches": [
                        {"steps": [part.steps[0], part.steps[-1]], "execution": part.words, "by": part.regularizers}
                        for part in site.stretches(steps)
                    ],
                }
                for site in plan.attention.sites
            ],
        },
    }


def _behind(plan: Plan) -> list[str]:
    """What becomes of the frames behind the model, if anything does."""
    spec, lines = plan.spec, list[str]()
    if spec.finish:
        lines.append(f"finished by {', '.join(options.part for options in spec.finish)}: {plan.final}")
    if plan.sound is not None:
        lines.append(f"with the sound {plan.sound}: {_heard(plan)}")
    if metrics := metrics_of(plan.loaded):
        lines.append(f"measured by {', '.join(one.use for one in metrics)}")
    if spec.expect:
        lines.append(f"expected: {', '.join(map(str, expectations(spec.expect)))}")
    return lines


def _heard(plan: Plan) -> str:
    """Which exporters write the sound, and which do not."""
    heard, names = carrying(plan.loaded), [options.part for options in plan.spec.output]
    parts = [f"{name} {'writes it' if name in heard else 'leaves it out'}" for name in dict.fromkeys(names)]
    return ", ".join(parts) or "nothing is written"


def _guidance(numbers: Settings) -> str:
    by = "" if numbers.guided_by == "cfg" else f" by {numbers.guided_by}"
    return f"{numbers.guidance:g}{by}"
