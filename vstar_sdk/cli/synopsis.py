"""``vstar synopsis``: the story before it is filmed."""

from __future__ import annotations

import click

from vstar_sdk.cli.arguments import SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.resolving import resolve
from vstar_sdk.runs.story import Story, synopsis_data
from vstar_sdk.spec.writing import to_yaml


@click.command(cls=Command)
@spec_arguments
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a spec with the states written out, to edit and run.")
@click.option("--edit", is_flag=True, help="Open the states in $EDITOR and check them; print the spec with what was written.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def synopsis(given: SpecArguments, as_yaml: bool, edit: bool, as_json: bool) -> None:
    """Show the key states and their frames.

    The spec's synopsis part writes them; with `llm` it calls the language model. No video model is loaded.
    --edit prints a spec to run: vstar synopsis story.yaml --edit > mine.yaml
    """
    plan = make_plan(given.load())
    story = plan.tell_story()
    if edit:
        from vstar_sdk.cli.editing import edited

        plan, story = edited(plan, story)
    if as_json:
        document_json({**synopsis_data(story), "warnings": list(plan.warnings(story))})
        return
    document(to_yaml(resolve(plan, story)) if as_yaml or edit else f"{table(story, plan.settings.fps)}\n")
    for warning in plan.warnings(story):
        warn(warning)


def table(story: Story, fps: float) -> str:
    """One line a state: its anchor, the frames and seconds that it rules, its caption."""
    lines: list[str] = []
    timeline = story.timeline
    for number, (state, anchor, (first, last)) in enumerate(
        zip(story.synopsis.states, timeline.anchors, timeline.spans(), strict=True), 1
    ):
        times = f"{first / fps:.1f}-{(last + 1) / fps:.1f} s"
        lines.append(f"{number}. anchor {anchor:>3}  frames {f'{first}-{last}':<9} {times:<11} {state.caption}")
    if story.synopsis.style:
        lines.append(f"style: {story.synopsis.style}")
    if story.negative_prompt:
        lines.append(f"negative prompt: {story.negative_prompt}")
    return "\n".join(lines)
