"""Presets: a scheduler and steps that were measured on a model."""

from __future__ import annotations

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.resolving import resolve
from vstar_sdk.spec.loading import load_spec

PROMPT = "a landscape from winter to autumn"


def plan(**sampling):
    return make_plan(load_spec({"prompt": PROMPT, "sampling": sampling}))


def chosen(**sampling):
    settings = plan(**sampling).settings
    return settings.scheduler, settings.steps


def test_a_preset_is_a_scheduler_and_steps():
    facts = plan().facts
    assert set(facts.presets) == {"fast", "draft"}
    for name, preset in facts.presets.items():
        assert chosen(preset=name) == (preset.scheduler, preset.steps)
    assert facts.presets["draft"].steps < facts.presets["fast"].steps < facts.steps


def test_what_else_the_spec_says_counts_before_a_preset():
    fast = plan().facts.presets["fast"]
    assert chosen(preset="fast", steps=9) == (fast.scheduler, 9)
    assert chosen(preset="fast", scheduler="ddim") == ("ddim", fast.steps)


def test_the_resolved_spec_has_the_numbers_and_no_preset():
    made = plan(preset="fast")
    sampling = resolve(made, made.tell_story()).sampling
    assert (sampling.preset, sampling.scheduler, sampling.steps) == (None, *chosen(preset="fast"))


def test_a_preset_that_the_model_does_not_have_names_those_that_it_has():
    with pytest.raises(SpecError, match=r"sampling\.preset: miniworld has no preset 'quick'") as caught:
        plan(preset="quick")
    assert caught.value.hint == "use fast or draft"


def test_a_model_without_presets_says_what_to_set_instead():
    from dataclasses import replace

    facts = replace(plan().facts, presets={})
    assert facts.preset(None) is facts
    with pytest.raises(SpecError, match="has no preset 'fast'") as caught:
        facts.preset("fast")
    assert caught.value.hint == "set sampling.steps and sampling.scheduler"
