"""Defaults of one's own: what counts where a spec is silent."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli
from vstar_sdk.errors import SpecError
from vstar_sdk.spec.defaults import beneath, own_defaults
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import load_spec


@pytest.fixture
def config(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"

    def write(text: str):
        file.write_text(text)
        monkeypatch.setenv("VSTAR_CONFIG", str(file))
        return file

    return write


def under(spec: str, defaults: str) -> dict:
    return beneath(parse(spec), parse(defaults, name="config.yaml")).data


@pytest.mark.parametrize(
    ("spec", "defaults", "becomes"),
    [
        ("prompt: a", "model: {device: cpu}", {"prompt": "a", "model": {"device": "cpu"}}),
        ("model: {use: wan}", "model: {device: cpu}", {"model": {"use": "wan", "device": "cpu"}}),
        ("model: {device: cuda}", "model: {device: cpu}", {"model": {"device": "cuda"}}),
        ("model: {use: wan}", "model: {use: miniworld, device: cpu}", {"model": {"use": "wan"}}),
        ("model: {use: wan}", "model: {use: wan, device: cpu}", {"model": {"use": "wan", "device": "cpu"}}),
        (
            "synopsis: {states: [a, b]}",
            "synopsis: {use: llm, backend: anthropic}",
            {"synopsis": {"states": ["a", "b"]}},
        ),
        ("model: null", "model: {device: cpu}", {"model": None}),
        ("output: []", "output: [{use: gif}]", {"output": []}),
    ],
)
def test_a_default_counts_where_the_spec_is_silent(spec, defaults, becomes):
    assert under(spec, defaults) == becomes


def test_flag_then_spec_then_default(config):
    config("model: {dtype: float32, device: cpu}\noutput: [{use: gif}]\n")
    loaded = load_spec(
        {"prompt": "a lake", "model": {"dtype": "bfloat16"}}, overrides=["output=[{use: frames}]"], defaults=own_defaults()
    )
    model = loaded.spec.model.model_dump()
    assert (model["dtype"], model["device"]) == ("bfloat16", "cpu")
    assert [part.part for part in loaded.spec.output] == ["frames"]


def test_an_error_in_a_default_names_its_place(config):
    file = config("model:\n  devise: cpu\n")
    with pytest.raises(SpecError, match=f"{file}:2:3: unknown key 'devise'. Did you mean 'device'?"):
        load_spec("a lake in winter", defaults=own_defaults())


def test_a_default_of_another_key_is_refused(config):
    file = config("output: []\nseed: 3\n")
    with pytest.raises(SpecError, match=f"{file}:2:1: seed is not allowed in the file of defaults") as caught:
        own_defaults()
    assert caught.value.hint == "allowed keys are model, synopsis, output, plugins and guard; everything else belongs in a spec"


def test_a_file_that_is_named_must_be_there(config):
    config("").unlink()
    with pytest.raises(SpecError, match="there is no file"):
        own_defaults()


def test_an_empty_name_switches_defaults_off(monkeypatch):
    monkeypatch.setenv("VSTAR_CONFIG", "")
    assert own_defaults() is None


def test_python_knows_no_defaults_unless_they_are_passed(config):
    config("output: [{use: gif}]\n")
    assert [part.part for part in load_spec("a lake in winter").spec.output] == ["mp4", "contact-sheet"]


def test_the_command_reads_them_and_the_manifest_says_so(config, tmp_path):
    config("output: [{use: gif}]\nmodel: {device: cpu}\n")
    out = tmp_path / "run"
    spec = "a landscape from winter to autumn"
    done = CliRunner().invoke(cli, ["run", spec, "-o", str(out), "--frames", "4", "-s", "sampling.steps=1", "-q"])
    assert done.exit_code == 0, done.stderr
    assert (out / "video.gif").exists()
    assert not (out / "video.mp4").exists()
    assert json.loads((out / "manifest.json").read_text())["from_config"] == ["output", "model"]
