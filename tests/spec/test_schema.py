"""The schema that editors check specs with says the same as the loader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from vstar_sdk.cli.main import cli
from vstar_sdk.errors import SpecError
from vstar_sdk.plugin import discovery
from vstar_sdk.spec.document import parse, read
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.spec.schema import schema_of, to_text

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "vstar.schema.json"
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


@pytest.fixture(scope="module")
def schema():
    schema = schema_of(discovery.built_in_catalog())
    Draft7Validator.check_schema(schema)
    return schema


def as_json(data: Any) -> Any:
    """Data as an editor sees it: keys are text."""
    return json.loads(json.dumps(data))


def faults(schema, data):
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(as_json(data))]


def test_the_committed_schema_is_fresh(schema):
    assert COMMITTED.read_text(encoding="utf-8") == to_text(schema), "vstar schema --core -o docs/vstar.schema.json"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_example_specs_fit_it_and_point_to_it(schema, path):
    assert faults(schema, read(path).data) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert named is not None
    assert (path.parent / named[1]).resolve() == COMMITTED


@pytest.mark.parametrize(
    "text",
    [
        "prompt: x\nframes: 8s\nsize: 128x64\nregularizers: [{use: tar, sigma: 25%, window: [0, 0.5]}]",
        "prompt: x\nsize: [128, 64]\nregularizers: [{use: tar, sigma: {0: 1, 1: 0.5s}}]\noutput: []",
        "synopsis: {states: [a landscape in winter, {caption: a landscape in summer, at: 40%}]}",
        "prompt: x\nsynopsis: {states: 3}",
        "prompt: x\nmodel: {device: cpu}",
        "prompt: x\nsynopsis: {use: llm, backend: {use: anthropic, timeout: 5}}",
        "prompt: x\nsynopsis: {use: llm, backend: {timeout: 5}}",
        "prompt: x\nsampling: {scheduler: euler}",
        "prompt: x\nsampling: {scheduler: DEISMultistepScheduler}",
        "prompt: x\nsampling: {scheduler: null, guidance: null, noise: null, sampler: null}",
        "prompt: x\nsampling: {guidance: 7.5, noise: gaussian, sampler: {use: single}}",
        "prompt: x\nsampling: {guidance: {scale: 7.5, start: 0.1}, noise: {}}",
        "prompt: x\nsampling: {guidance: apg}",
        "prompt: x\nmodel: miniworld\nsynopsis: none\nregularizers: [alibi, {use: tar}]\noutput: [mp4, gif]",
        "prompt: x\nfinish: [upscale]\nmetrics: [flicker]\nsynopsis: {use: llm, backend: anthropic}",
        "prompt: x\nsampling: {scheduler: {use: dpm++, config: {solver_order: 3}}}",
    ],
)
def test_what_is_valid_fits(schema, text):
    load_spec(parse(text).data)
    assert faults(schema, parse(text).data) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("promt: x", "'promt' was unexpected"),
        ("prompt: 3", "3 is not of type 'string'"),
        ("prompt: x\nseed: -1", "-1 is less than the minimum of 0"),
        ("prompt: x\nsize: [64]", r"\$\.size"),
        ("prompt: x\nversion: 2", "1 was expected"),
        ("prompt: x\nregularizers: tar", "'tar' is not of type 'array'"),
        ("prompt: x\nregularizers: [tarr]", r"\$\.regularizers\[0\]: 'tarr' is not valid under any"),
        ("prompt: x\nregularizers: [3]", r"\$\.regularizers\[0\]: 3 is not valid under any"),
        ("prompt: x\nmodel: 3", r"\$\.model: 3 is not valid under any"),
        ("prompt: x\nsynopsis: states", r"\$\.synopsis: 'states' is not valid under any"),
        ("prompt: x\nregularizers: [{sigma: 2}]", "'use' is a required property"),
        (
            "prompt: x\nregularizers: [{use: tarr}]",
            r"\$\.regularizers\[0\]\.use: 'tarr' is not one of \[.*'tar'",
        ),
        ("prompt: x\nregularizers: [{use: tar, sgma: 2}]", r"\$\.regularizers\[0\]: .*'sgma' was unexpected"),
        ("prompt: x\nregularizers: [{use: uniform, weight: 2}]", r"\$\.regularizers\[0\]\.weight: 2 is greater than the maximum"),
        ("prompt: x\noutput: [{use: gif, loop: many}]", r"\$\.output\[0\]\.loop: 'many' is not of type 'integer'"),
        ("prompt: x\nmodel: {devise: cpu}", r"\$\.model: .*'devise' was unexpected"),
        ("synopsis: {use: states}", r"\$\.synopsis: 'states' is a required property"),
        ("synopsis: {use: states, states: [{at: 1}]}", r"\$\.synopsis\.states\[0\]"),
        ("prompt: x\nsynopsis: {use: llm, backend: {use: anthropic, timeout: 0}}", r"\$\.synopsis\.backend\.timeout"),
        ("prompt: x\nsynopsis: {use: llm, backend: {api_key: abc}}", "'api_key' was unexpected"),
        ("prompt: x\nsynopsis: {use: llm, backend: {api_key_env: sk-abc}}", "'sk-abc' does not match"),
        ("prompt: x\nsampling: {scheduler: eular}", r"\$\.sampling\.scheduler: 'eular' is not valid under any"),
        ("prompt: x\nsampling: {guidance: 0.5}", r"\$\.sampling\.guidance: 0\.5 is not valid under any"),
        ("prompt: x\nsampling: {guidance: {scale: 0.5}}", r"\$\.sampling\.guidance\.scale: 0\.5 is not valid under any"),
        ("prompt: x\nsampling: {noise: gausian}", r"\$\.sampling\.noise: 'gausian' is not valid under any"),
        (
            "prompt: x\nsampling: {scheduler: {use: eular}}",
            r"\$\.sampling\.scheduler\.use: 'eular' is not one of \['cogvideox-ddim'",
        ),
        ("prompt: x\nsampling: {scheduler: {use: euler, confg: {}}}", "'confg' was unexpected"),
        ("prompt: x\nsynopsis: {stats: 3}", r"\$\.synopsis: .*is not valid under any"),
    ],
)
def test_what_is_wrong_does_not_fit_and_the_fault_is_named_once(schema, text, words):
    with pytest.raises(SpecError):
        load_spec(parse(text).data)
    (fault,) = faults(schema, parse(text).data)
    assert re.search(words, fault)


def test_every_key_has_a_description(schema):
    for name, model in [("the spec", schema), *schema["$defs"].items()]:
        for key, field in model["properties"].items():
            assert field.get("description") or "$ref" in field, f"{name}: {key}"


def invoke(*arguments):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result


def test_the_command_prints_it_or_writes_it(schema, tmp_path):
    assert json.loads(invoke("schema", "--core").stdout) == schema
    out = tmp_path / "vstar.schema.json"
    assert "$schema=./vstar.schema.json" in invoke("schema", "--core", "-o", str(out)).stdout
    assert out.read_text(encoding="utf-8") == to_text(schema)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    result = CliRunner().invoke(cli, ["schema", "--core", "-o", str(tmp_path / "no" / "schema.json")])
    assert result.exit_code == 7
    assert "cannot be written: No such file or directory" in result.stderr


def test_a_new_spec_names_a_schema_that_is_there_and_that_it_fits(tmp_path):
    spec = tmp_path / "stories" / "spring.yaml"
    spec.parent.mkdir()
    invoke("new", "spec", str(spec), "--prompt", "a flower opens")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", spec.read_text(encoding="utf-8"))
    assert named is not None
    beside = json.loads((spec.parent / named[1]).read_text(encoding="utf-8"))
    assert faults(beside, read(spec).data) == []
    invoke("new", "spec", str(spec.with_name("autumn.yaml")))


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path):
    (tmp_path / "vstar.schema.json").write_text('{"title": "mine"}')
    result = CliRunner().invoke(cli, ["new", "spec", str(tmp_path / "story.yaml")])
    assert result.exit_code == 7
    assert "is not what `vstar schema` writes" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["vstar.schema.json"]


@pytest.mark.parametrize(
    "text",
    [
        "prompt: x\nregularizers: [{use: tar, sigma: -1}]",
        "prompt: x\nregularizers: [{use: tar, sigma: 2 s.}]",
        "prompt: x\nregularizers: [{use: tar, sigma: {0: 0}}]",
        "prompt: x\nregularizers: [{use: tar, window: [0, 2]}]",
        "prompt: x\nregularizers: [{use: tar, window: [-1, 1]}]",
        "prompt: x\nregularizers: [{use: window, radius: 1x}]",
        "synopsis: {use: states, states: []}",
        "synopsis: {use: states, states: {}}",
        "synopsis: {use: states, states: ['']}",
        "synopsis: {use: states, states: ['  ']}",
        "synopsis: {use: states, states: [{caption: ' '}]}",
        "synopsis: {use: states, states: [{caption: a beach, at: noon}]}",
        "synopsis: {use: states, states: [{caption: a beach, at: -1}]}",
        "prompt: x\nframes: 0",
        "prompt: x\nframes: 50%",
        "prompt: x\nframes: '64'",
        "prompt: x\nsize: large",
        "prompt: x\nsize: [0, 64]",
    ],
)
def test_what_the_product_refuses_the_schema_refuses(schema, text):
    with pytest.raises(SpecError):
        load_spec(parse(text).data)
    assert faults(schema, parse(text).data)


def test_a_form_can_be_made_of_it(schema):
    """Every field has a title, every choice says by which key it is made, and definitions have names that people can read."""
    assert "tar.regularizer" in schema["$defs"]
    assert not any("__" in name for name in schema["$defs"])
    for name, model in [("the spec", schema), *schema["$defs"].items()]:
        for key, field in model["properties"].items():
            assert field.get("title") or "$ref" in field, f"{name}: {key}"
    choice = schema["properties"]["regularizers"]["items"]["discriminator"]
    assert choice["propertyName"] == "use"
    assert choice["mapping"]["tar"] == "#/$defs/tar.regularizer"


def test_what_has_no_default_has_an_example(schema):
    for name, model in [("the spec", schema), *schema["$defs"].items()]:
        for key in model.get("required", []):
            field = model["properties"][key]
            told = {"examples", "const", "enum", "$ref", "discriminator"} & {*field}
            assert told, f"{name}: {key}"


def test_the_public_function_gives_what_the_command_prints(schema):
    import vstar_sdk

    assert vstar_sdk.json_schema(core=True) == schema
    assert {*schema["$defs"]} <= {*vstar_sdk.json_schema()["$defs"]}
