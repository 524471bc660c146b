from __future__ import annotations

import gc

import pytest

from vstar_sdk import RegularizerOptions, hookimpl
from vstar_sdk.errors import SpecError
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.spec.writing import to_yaml

STORY = {"prompt": "a landscape from winter to autumn"}


def write(tmp_path, text):
    file = tmp_path / "story.yaml"
    file.write_text(text)
    return file


def refused(source, **arguments):
    with pytest.raises(SpecError) as caught:
        load_spec(source, **arguments)
    return str(caught.value)


def test_a_prompt_alone_is_a_whole_spec():
    spec = load_spec(STORY).spec
    assert spec.model.part == "miniworld"
    assert spec.synopsis.part == "miniworld"
    assert [part.part for part in spec.regularizers] == ["tar"]
    assert [part.part for part in spec.output] == ["mp4", "contact-sheet"]


@pytest.mark.parametrize(
    ("synopsis", "part"),
    [({}, "miniworld"), ({"states": 3}, "miniworld"), ({"states": ["a", "b"]}, "states"), ({"use": "llm", "states": 3}, "llm")],
)
def test_the_synopsis_part_where_use_is_left_out(synopsis, part):
    assert load_spec(STORY | {"synopsis": synopsis}).spec.synopsis.part == part


def test_a_spec_survives_being_written_and_read(tmp_path):
    spec = load_spec(STORY | {"size": "128x64", "frames": "8s", "regularizers": [{"use": "tar", "sigma": {0: 1, 1: "25%"}}]}).spec
    again = load_spec(write(tmp_path, to_yaml(spec))).spec
    assert again.model_dump() == spec.model_dump()


def test_the_default_backend_of_the_llm_part():
    spec = load_spec(STORY | {"synopsis": {"use": "llm"}}).spec
    assert spec.model_dump()["synopsis"]["backend"]["use"] == "anthropic"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("promt: x\n", "1:1", "promt: unknown key 'promt'. Did you mean 'prompt'?"),
        ("prompt: x\nframes: 0\n", "2:1", "frames: 0 frames: a clip has at least 1"),
        ("prompt: x\nframes: 40%\n", "2:1", "frames: '40%': write a number of frames (64) or seconds ('8s')"),
        ("prompt: x\nsize: [64]\n", "2:1", "size"),
        (
            "prompt: x\nregularizers:\n  - use: tarr\n",
            "3:5",
            "regularizers[0].use: unknown regularizer 'tarr'. Did you mean 'tar'?",
        ),
        (
            "prompt: x\nregularizers:\n  - use: acme/x\n",
            "3:5",
            "regularizers[0].use: unknown regularizer 'acme/x': no installed package",
        ),
        ("prompt: x\nregularizers:\n  - sigma: 2\n", "3:5", "regularizers[0]: 'use' is missing: name a regularizer: "),
        ("prompt: x\nregularizers: tar\n", "2:1", "regularizers: must be a list"),
        ("prompt: x\nregularizers: [tarr]\n", "2:16", "regularizers[0]: unknown regularizer 'tarr'. Did you mean 'tar'?"),
        ("prompt: x\nregularizers: [3]\n", "2:16", "regularizers[0]: write the name of a known regularizer here, or a mapping"),
        ("prompt: x\noutput: [acme/x]\n", "2:10", "output[0]: unknown exporter 'acme/x': no installed package"),
        ("prompt: x\nmodel: wam\n", "2:1", "model: unknown model 'wam'. Did you mean 'wan'?"),
        ("prompt: x\nsynopsis: states\n", "2:1", "synopsis: 'states' has options that must be written: {use: states, ...}"),
        ("prompt: x\nregularizers:\n  - use: tar\n    sigma: {0: -1}\n", "4:13", "-1 frames"),
        ("prompt: x\nregularizers:\n  - use: tar\n    sgma: {0: 1}\n", "4:5", "unknown key 'sgma'. Did you mean 'sigma'?"),
        ("prompt: x\nregularizers:\n  - use: tar\n    window: [0.5, 0.2]\n", "4:5", "window [0.5, 0.2]"),
        ("prompt: x\nsampling:\n  steps: many\n", "3:3", "sampling.steps: must be a whole number"),
        ("prompt: x\nsynopsis:\n  use: states\n  states: []\n", "4:3", "synopsis.states: "),
        (
            "prompt: x\nsynopsis:\n  use: states\n  states: [a, {caption: b, att: 3}]\n",
            "4:28",
            "unknown key 'att'. Did you mean 'at'?",
        ),
        ("prompt: x\nseed: 18446744073709551616\n", "2:1", "seed: must be less than 18446744073709551616"),
        ("frames: 3\n", "", "the spec has no prompt"),
    ],
)
def test_errors_name_file_line_path_and_remedy(tmp_path, text, line, words):
    file = write(tmp_path, text)
    message = refused(file)
    assert words in message
    if line:
        assert message.startswith(f"{file}:{line}: ")


def test_every_problem_is_listed(tmp_path):
    message = refused(write(tmp_path, "prompt: x\nframes: 0\nsampling:\n  steps: 0\n  etta: 1\n"))
    assert [line.partition(": ")[0].rpartition("story.yaml:")[2] for line in message.splitlines()] == ["2:1", "4:3", "5:3"]


@pytest.mark.parametrize(
    "synopsis",
    [
        {"use": "llm", "backend": {"use": "anthropic", "api_key": "sk-ant-very-secret-0123456789"}},
        {"use": "llm", "backend": {"use": "anthropic", "api_key_env": "sk-ant-very-secret-0123456789"}},
        {"use": "llm", "api_key": "sk-ant-very-secret-0123456789"},
    ],
)
def test_a_literal_key_is_refused_and_not_repeated(synopsis):
    message = refused(STORY | {"synopsis": synopsis})
    assert "environment variable" in message
    assert "secret-0123456789" not in message


def test_overrides():
    assignments = ["sampling.steps=50", "regularizers[0].sigma.0=2", "synopsis={use: states, states: [a, b]}"]
    spec = load_spec(STORY | {"regularizers": [{"use": "tar", "sigma": {0: 4}}]}, overrides=assignments).spec
    assert spec.sampling.steps == 50
    assert spec.regularizers[0].model_dump()["sigma"] == {0: 2}
    assert spec.synopsis.part == "states"


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("frames=0", "--set frames: 0 frames"),
        ("regularizers[3].sigma=1", "items of a list|the spec has no 'regularizers[3].sigma'"),
        ("frames", "write PATH=VALUE"),
        ("frames=[", "--set frames:1"),
    ],
)
def test_a_wrong_override_is_named(assignment, words):
    message = refused(STORY | {"regularizers": []}, overrides=[assignment])
    assert any(word in message for word in words.split("|"))


def test_a_flood_of_problems_is_cut():
    message = refused(STORY | {"output": [0] * 60, "frames": "x" * 5000})
    assert len(message.splitlines()) == 11
    assert message.splitlines()[-1] == "and 51 more"
    assert max(map(len, message.splitlines())) < 450


def test_text_that_is_no_unicode_is_refused():
    assert "synopsis.states[0]: " in refused({"synopsis": {"states": ["\ud800"]}})


def test_a_prompt_is_taken_as_it_is():
    assert load_spec({}, prompt="{a: [b").spec.prompt == "{a: [b"


def test_a_plugin_that_is_not_installed_is_named(tmp_path):
    message = refused(write(tmp_path, "prompt: x\nplugins: [acme]\n"))
    assert message.endswith(
        "story.yaml:2:11: plugins[0]: no installed package brings the namespace 'acme'; its package is usually called vstar-acme"
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"frames": [1]}, "frames: must be a whole number or text"),
        ({"size": [64, "wide"]}, "size[1]: must be a whole number"),
        ({"size": [1, 2, 3]}, "size: must have at most 2 items, not 3"),
        (
            {"regularizers": [{"use": "tar", "sigma": {0: []}}]},
            "regularizers[0].sigma[0]: must be a whole number or a number or text",
        ),
        (
            {"regularizers": [{"use": "tar", "sigma": {"high": 1}}]},
            "regularizers[0].sigma.high: the key 'high' must be a whole number",
        ),
        ({"output": [{"use": "gif", "scale": "x"}]}, "output[0].scale: must be 'auto' or a whole number"),
        ({"seed": 1e300}, "seed: is too large a number"),
        ({"synopsis": {"use": "states", "states": [{"at": 2}]}}, "synopsis.states[0].caption: is missing"),
    ],
)
def test_a_union_speaks_with_one_voice_and_shows_no_tags(data, sentence):
    assert refused(STORY | data) == sentence


def test_what_holds_itself_is_refused():
    endless: dict[str, object] = {**STORY}
    endless["model"] = endless
    assert "nested too deeply" in refused(endless)


def test_an_override_reaches_into_the_defaults_of_a_list_that_is_left_out():
    spec = load_spec(STORY, overrides=["regularizers[0].sigma=2", "output[1].columns=4"]).spec
    assert spec.regularizers[0].model_dump()["sigma"] == {0: 2}
    assert spec.output[1].model_dump()["columns"] == 4


def test_an_override_gives_one_value():
    assert "write one value" in refused(STORY, overrides=["frames=4\nseed: 3"])


def test_problems_stand_in_the_order_of_the_file(tmp_path):
    story = tmp_path / "story.yaml"
    story.write_text("prompt: a beach\nregularisers: []\nfps: true\nseed: -1\n")
    with pytest.raises(SpecError) as refused:
        load_spec(story)
    places = [line.removeprefix(f"{story}:").partition(" ")[0] for line in str(refused.value).splitlines()]
    assert places == ["2:1:", "3:1:", "4:1:"]


def test_many_specs_in_one_process_take_no_more_memory_than_few():
    """Pydantic lets go of no model that has validators: what is composed for a spec stays."""

    def known():
        gc.collect()
        return sum(type(thing) is Catalog for thing in gc.get_objects())

    plugin = STORY | {"regularizers": ["longvideo/enhance"]}
    for story in (STORY, plugin):
        load_spec(story)
    before = known()
    for seed in range(3):
        for story in (STORY, plugin):
            load_spec(story | {"seed": seed})
    assert known() == before


def test_a_plugin_whose_hooks_are_others_is_composed_anew():
    class Host:
        namespace = "host"

        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def register_regularizers(self, register):
            register(self.name, options=RegularizerOptions, factory=lambda options: None, summary="Nothing.")

    first, second = Host("one"), Host("two")
    story = STORY | {"regularizers": ["host/one"]}
    load_spec(story, plugins=[first])
    with pytest.raises(SpecError, match="unknown regularizer 'host/one'"):
        load_spec(story, plugins=[second])
    assert load_spec(story, plugins=[first]).given[0].source is first
