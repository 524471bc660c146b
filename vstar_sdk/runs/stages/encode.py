"""The stage ``encode``: from key states to what every frame reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.runs.story import Story
from vstar_sdk.sampling.conditioning import Conditioning
from vstar_sdk.texts.reading import read_text

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter


def encode(run: Run, adapter: Adapter, state: RunState) -> RunState:
    """Encode the states and have the text part bring them to the frames, unless it has been done.

    Raises:
        PluginError: a plugin failed to transform the conditioning.
        SamplerError: there is not enough memory.
    """
    story = made(state.story)
    prompts = [*story.synopsis.prompts(), story.negative_prompt]
    with run.stage("encode"), enough_memory(run.plan, "encode"), torch.no_grad():
        for prompt in prompts:
            if lost := adapter.cut_off(prompt):
                run.warn(f"the text encoder does not see the end of '{prompt}': it stops before '{lost}'")
        return replace(state, conditioning=state.conditioning or _conditioning(run, adapter, story, prompts))


def _conditioning(run: Run, adapter: Adapter, story: Story, prompts: Sequence[str]) -> Conditioning:
    *states, negative = adapter.encode(prompts)
    plan, embeddings = run.plan, torch.stack(states)
    try:
        given = read_text(plan.text, plan.spec.timeline.part, story.synopsis, embeddings, plan.attention.clock)
    except SpecError as error:
        raise plan.loaded.error(error.under("synopsis")) from None
    told = Conditioning(given.embeddings, negative, None if given.bias is None else given.bias.double().cpu())
    return run.transforms.conditioning(told, story.timeline)
