"""What docs/templates.md says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from vstar_sdk import load_spec
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse
from vstar_sdk.templating import templates
from vstar_sdk.templating.inputs import GIVEN, InputSchema
from vstar_sdk.templating.linting import lint
from vstar_sdk.templating.sandbox import child
from vstar_sdk.templating.sandbox.bounds import LONGEST, LONGEST_RANGE
from vstar_sdk.templating.sandbox.filters import FILTERS, TESTS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")


def block(language):
    return matched(rf"^```{language}\n(.*?)^```")


def matched(pattern):
    found = re.search(pattern, DOCUMENT, re.DOTALL | re.MULTILINE)
    assert found is not None, pattern
    return found[1]


def test_the_example_spec_is_valid():
    make_plan(load_spec(parse(block("yaml")).data))


def test_the_example_template_is_one(tmp_path):
    (tmp_path / "mine.jinja").write_text(block("jinja"))
    assert lint(templates.load("./mine.jinja", folder=tmp_path)) == []


def test_built_in_templates_inputs_variables_and_keywords_are_all_named():
    for name in templates.built_in():
        own = [key for key in templates.load(name).about.inputs.properties if key not in GIVEN]
        assert re.search(rf"^\| `{name}` \|.*{'.*'.join(f'`{key}`' for key in own)}", DOCUMENT, re.MULTILINE)
    for word in (*GIVEN, *(field.alias for field in InputSchema.model_fields.values())):
        assert f"`{word}`" in DOCUMENT


def test_filters_and_tests_are_listed():
    assert matched(r"^- Filters: `([^`]*)`").split() == sorted(FILTERS)
    words = matched(r"^- Tests: `([^`]*)`").split()
    assert words == sorted(set(TESTS) - {"eq", "ne", "lt", "le", "gt", "ge"})


def test_bounds_are_those_of_the_code():
    for words in (
        f"at most {LONGEST:,} characters",
        f"up to {LONGEST_RANGE} steps",
        f"{child.SECONDS} s of processor time",
        f"{child.MEMORY >> 20} MB of memory",
        f"after {child.LONGEST_UNMEASURED} s",
        f"at most {templates.LARGEST >> 10} KB",
    ):
        assert words in " ".join(DOCUMENT.split())
