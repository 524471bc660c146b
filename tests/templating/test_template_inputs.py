"""Inputs of templates: a part of JSON Schema, every keyword of which means what it means elsewhere."""

from __future__ import annotations

import jsonschema
import pytest
from pydantic import ValidationError

from vstar_sdk.errors import SpecError, TemplateError
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter
from vstar_sdk.templating import templates
from vstar_sdk.templating.inputs import InputSchema, InputsSchema, fault
from vstar_sdk.templating.rendering import InputError, render

VALUES = {"prompt": "a kite rises", "style": "", "states": 4, "frames": 64, "fps": 8.0, "seconds": 8.0}


@pytest.fixture
def write(tmp_path):
    """Writes a template with these properties and loads it."""

    def make(properties, more="", user="{{ prompt }}"):
        text = f"---\nname: mine\nversion: 1\ninputs:\n  properties: {{prompt: {{type: string}}, {properties}}}\n{more}---\n"
        blocks = f"{{% block system %}}Be brief.{{% endblock %}}\n{{% block user %}}{user}{{% endblock %}}\n"
        (tmp_path / "mine.jinja").write_text(text + blocks)
        return templates.load("./mine.jinja", folder=tmp_path)

    return make


CASES = pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string"}, ["", "a"], [1, True, None, ["a"]]),
        ({"type": "integer"}, [0, -3, 3.0], [1.5, True, "1", None, 2**60, float("inf")]),
        ({"type": "number"}, [0, 1.5], [True, "1", float("nan"), float("inf")]),
        ({"type": "boolean"}, [True, False], [0, 1, "true"]),
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"type": "array", "items": {"type": "string", "maxLength": 2}}, [[], ["a", "bc"]], ["a", [1], ["abc"], [["a"]]]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"enum": ["a", 1, None]}, ["a", 1, None], ["b", True, 2, "A"]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, [0.5], [0, 1, 1.0]),
        ({"type": "string", "minLength": 1, "maxLength": 2}, ["a", "雪🏔"], ["", "abc"]),
    ],
)


@CASES
def test_values_are_checked(schema, good, bad):
    model = InputSchema.model_validate(schema)
    assert [value for value in good if fault(model, value) is not None] == []
    assert [value for value in bad if fault(model, value) is None] == []


@CASES
def test_values_are_judged_as_by_any_other_reader_of_json_schema(schema, good, bad):
    """But for numbers that JSON cannot carry exactly, or at all, which are refused here."""
    judge = jsonschema.Draft202012Validator(schema)
    inexact = [value for value in bad if isinstance(value, int | float) and not -(2**53) < value < 2**53]
    assert all(judge.is_valid(value) for value in good)
    assert not any(judge.is_valid(value) for value in bad if value not in inexact and value == value)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "pattern": "a+"}, "Extra inputs"),
        ({"$ref": "#"}, "Extra inputs"),
        ({"type": "string", "format": "uri"}, "Extra inputs"),
        ({"anyOf": []}, "Extra inputs"),
        ({"type": "object"}, "Input should be"),
        ({"type": "text"}, "Input should be"),
        ({"type": "integer", "minLength": 1}, "minLength has no meaning for the type integer"),
        ({"type": "string", "minimum": 1}, "minimum has no meaning for the type string"),
        ({"type": "array"}, "say what a list holds"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, "say what a list holds"),
        ({"type": "integer", "default": "a"}, "the default must be a whole number"),
        ({"enum": ["a"], "default": "b"}, "the default must be one of a"),
        ({"type": "integer", "enum": ["a"]}, "'a' in enum is not of type integer"),
        ({"enum": []}, "at least 1 item"),
    ],
)
def test_schemas_are_checked_and_unknown_keywords_refused(schema, words):
    with pytest.raises(ValidationError, match=words):
        InputSchema.model_validate(schema)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"mood": {}}, "'mood' needs a type"),
        ({"mood": {"type": "string"}}, "'mood' needs a default, or a place under required"),
        ({"Mood": {"type": "string", "default": ""}}, "'Mood' is not a name"),
        ({"loop": {"type": "string", "default": ""}}, "'loop' is not a name"),
        ({"__class__": {"type": "string", "default": ""}}, "is not a name"),
        ({"states": {"type": "string"}}, "'states' is always of type integer"),
        ({"prompt": {"default": "a"}}, "'prompt' is always set, so it cannot have a default"),
    ],
)
def test_inputs_as_a_whole_are_checked(properties, words):
    with pytest.raises(ValidationError, match=words):
        InputsSchema.model_validate({"properties": properties})


def test_an_input_reaches_the_template(write):
    template = write("mood: {type: string, default: calm}", user="{{ prompt }}: {{ mood }}")
    assert render(template, VALUES).user == "a kite rises: calm"
    assert render(template, VALUES, {"mood": "wild {{ 7*7 }}"}).user == "a kite rises: wild {{ 7*7 }}"


@pytest.mark.parametrize(
    ("inputs", "words", "name"),
    [
        ({"moood": "wild"}, "has no input 'moood'. Did you mean 'mood'?", "moood"),
        ({"frames": 3}, "has no input 'frames'", "frames"),
        ({"mood": 3}, "mood must be text", "mood"),
        ({}, "needs the input 'mood'", "mood"),
    ],
)
def test_a_wrong_input_is_named(write, inputs, words, name):
    template = write("mood: {type: string}", "  required: [mood]\n", "{{ prompt }}{{ mood }}")
    with pytest.raises(InputError) as caught:
        render(template, VALUES, inputs)
    assert words in caught.value.message
    assert caught.value.name == name


def test_a_template_may_bound_what_it_is_given(write):
    template = write("states: {maximum: 3}", user="{{ prompt }}{{ states }}")
    with pytest.raises(TemplateError, match="states must be at most 3"):
        render(template, VALUES)
    assert render(template, VALUES | {"states": 3}).user == "a kite rises3"


def test_the_writer_says_where_in_the_options_an_input_is_wrong(api, brief):
    for options, path in (
        ({"inputs": {"span": 3}}, ("inputs", "span")),
        ({"inputs": {"spam": "a day"}}, ("inputs", "spam")),
        ({"template": "timelaps"}, ("template",)),
    ):
        writer = LlmWriter(LlmOptions.model_validate({"backend": {}, "template": "timelapse"} | options), backend=api.backend())
        with pytest.raises(SpecError) as caught:
            writer.check(brief())
        assert caught.value.path == path
    assert not api.asked


def test_the_front_matter_says_which_line_of_the_schema_is_wrong(tmp_path):
    text = "---\nname: mine\nversion: 1\ninputs:\n  properties:\n    prompt: {type: string}\n    mood:\n      tipe: string\n---\n"
    (tmp_path / "mine.jinja").write_text(text)
    with pytest.raises(
        TemplateError, match=r"mine\.jinja:8: front matter, inputs\.properties\.mood\.tipe: .* Did you mean 'type'"
    ):
        templates.load("./mine.jinja", folder=tmp_path)
