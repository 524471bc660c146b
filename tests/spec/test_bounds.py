"""Specs that are endless, or hold what no number, path or text is: refused with their place, after bounded work."""

from __future__ import annotations

import json
import re

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.places import MOST
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

HUGE = "1" + "0" * 390


def refused(tmp_path, text, name="story.yaml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        make_plan(load_spec(tmp_path / name))
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"k{i}: 1" for i in range(MOST)),
        "a: [" + "1," * MOST + "]",
        "a: [" + "''," * MOST + "]",
        "a: {" + ",".join(f"k{i}: {{}}" for i in range(MOST)) + "}",
    ],
    ids=["keys", "numbers", "texts", "mappings"],
)
def test_a_document_of_too_many_values_is_not_read(text, tmp_path):
    assert "too long: a spec has at most 10,000 keys and values" in refused(tmp_path, text)


def test_json_is_bounded_likewise(tmp_path):
    message = refused(tmp_path, json.dumps({f"k{i}": 1 for i in range(4 * MOST)}), "story.json")
    assert "too long: a spec has at most 10,000 keys and values" in message


def test_a_mapping_of_the_caller_is_bounded_likewise():
    with pytest.raises(SpecError, match="too long"):
        load_spec({f"k{i}": 1 for i in range(MOST + 1)})


def test_a_mapping_that_holds_the_same_list_over_and_over_is_bounded():
    items: object = 0
    for _ in range(30):
        items = [items, items]
    with pytest.raises(SpecError, match="too long"):
        load_spec({"prompt": items})


def test_of_many_problems_ten_are_told(tmp_path):
    lines = refused(tmp_path, "\n".join(f"k{i}: 1" for i in range(4000))).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 3990 more"


@pytest.mark.parametrize("key", ["regularizers", "output", "plugins"])
def test_lists_of_parts_are_bounded(key, tmp_path):
    items = {"regularizers": "{use: tar}", "output": "{use: mp4}", "plugins": "{}"}[key]
    assert f"{key}: must have at most 64 items" in refused(tmp_path, f"prompt: a beach\n{key}: [{','.join([items] * 65)}]")


def test_states_are_bounded(tmp_path):
    states = ",".join(["a beach"] * 257)
    assert "at most 256" in refused(tmp_path, f"frames: 300\nsynopsis: {{states: [{states}]}}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"frames: {HUGE}", "frames: no clip is longer"),
        (f"frames: {HUGE}s", "frames: no clip is longer"),
        (f"fps: {HUGE}", "fps: must be a number"),
        (f"seed: {HUGE}", "seed: must be less than"),
        (f"size: [{HUGE}, 64]", "size[0]: must be less than"),
        (f"size: {HUGE}x64", "size: must be less than"),
        ("size: 64", "size: must be width and height: 512x320, or [512, 320]"),
        ("size: wide", "size: must be width and height: 512x320, or [512, 320]"),
        (f"sampling: {{steps: {HUGE}}}", "sampling.steps: must be less than"),
        (f"sampling: {{guidance: {HUGE}}}", "sampling.guidance: must be a number"),
        (f"regularizers: [{{use: tar, sigma: {HUGE}}}]", "regularizers[0].sigma: no clip is longer"),
        (f"regularizers: [{{use: tar, sigma: {{0: {HUGE}}}}}]", "no clip is longer"),
        (f"regularizers: [{{use: tar, sigma: {{{HUGE}: 1}}}}]", "less than or equal to 63"),
        (f"regularizers: [{{use: tar, blocks: [0, {HUGE}]}}]", "blocks[1]: must be less than"),
        (f"synopsis: {{states: [{{caption: a beach, at: {HUGE}}}]}}", "states[0].at: no clip is longer"),
        (f"synopsis: {{states: [{{caption: a beach, at: {HUGE}s}}]}}", "states[0].at: no clip is longer"),
    ],
)
def test_a_number_beyond_any_float_is_refused_at_its_place(text, place, tmp_path):
    message = refused(tmp_path, f"prompt: a beach\n{text}")
    assert place in message
    assert "story.yaml:2:" in message


def test_digits_of_other_kinds_are_no_index():
    with pytest.raises(SpecError, match="has no"):
        load_spec({"prompt": "a beach"}, overrides=["regularizers[²].sigma=2"])


def test_digits_of_other_scripts_are_no_moment(tmp_path):
    assert "must be frames" in refused(tmp_path, "prompt: a beach\nregularizers: [{use: tar, sigma: '٣s'}]")


@pytest.mark.parametrize("name", ["story.yaml", "story.json"])
def test_two_halves_of_a_character_are_one(name, tmp_path):
    (tmp_path / name).write_text('{"prompt": "a beach \\ud83c\\udf88 at noon"}')
    assert load_spec(tmp_path / name).spec.prompt == "a beach 🎈 at noon"


def test_half_a_character_is_no_text(tmp_path):
    assert "an invalid character" in refused(tmp_path, 'prompt: "a beach \\ud83c at noon"')


@pytest.mark.parametrize(
    ("written", "shown"),
    [(r'"D:\temp\new"', r"D:\temp\new"), (r'"./a\e[31mred"', r"./a\x1b[31mred"), (r'"a\u202Eb"', r"a\u202eb")],
)
def test_a_path_with_control_characters_is_refused_with_its_place_and_shown_with_escapes(written, shown, tmp_path):
    message = refused(tmp_path, f"prompt: a beach\nmodel:\n  use: modelscope\n  path: {written}")
    assert "story.yaml:4:3: model.path: " in message
    assert shown in message
    assert "single quotes" in message
    assert message.isprintable()


@pytest.mark.parametrize("use", ["", "  use: states\n"])
def test_a_schedule_of_moments_and_captions_is_a_list_of_states(use, tmp_path):
    states = '{0: a garden in spring, "50%": a garden in summer, 5s: a garden in autumn}'
    (tmp_path / "story.yaml").write_text(f"frames: 48\nsynopsis:\n{use}  states: {states}\n")
    plan = make_plan(load_spec(tmp_path / "story.yaml"))
    assert plan.story is not None
    assert plan.story.timeline.anchors == (0, 24, 40)
    assert [state.caption for state in plan.story.synopsis.states][-1] == "a garden in autumn"


def test_a_schedule_of_something_else_is_refused(tmp_path):
    assert "synopsis.states" in refused(tmp_path, "frames: 48\nsynopsis: {states: {0: [a, b]}}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("fps: true", "fps"),
        ("frames: true", "frames"),
        ("size: [true, 64]", "size"),
        ("sampling: {guidance: true}", "sampling.guidance"),
        ("sampling: {steps: false}", "sampling.steps"),
        ("model: {use: miniworld, decode_batch: true}", "model.decode_batch"),
        ("synopsis: {states: [{caption: x, at: true}]}", r"synopsis.states\[0\].at"),
        ("regularizers: [{use: tar, sigma: {0: true}}]", r"regularizers\[0\].sigma"),
        ("regularizers: [{use: tar, window: [false, true]}]", r"regularizers\[0\].window"),
        ("regularizers: [{use: uniform, levels: [true]}]", r"regularizers\[0\].levels"),
        ("output: [{use: gif, loop: true}]", r"output\[0\].loop"),
    ],
)
def test_true_is_no_number_anywhere(tmp_path, text, place):
    """pydantic would read it as 1."""
    story = tmp_path / "story.yaml"
    story.write_text(f"prompt: a beach\n{text}\n")
    with pytest.raises(SpecError, match=place) as refused:
        load_spec(story)
    assert re.search(rf"story\.yaml:2:\d+: {place}", str(refused.value))


def test_true_stays_where_it_has_a_meaning():
    spec = load_spec({"prompt": "a beach", "model": {"tiling": True}, "output": [{"use": "mp4", "metadata": False}]}).spec
    assert getattr(spec.model, "tiling") is True  # noqa: B009
