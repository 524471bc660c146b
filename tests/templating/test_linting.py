"""Linting: declared against used, both ways, and everything else that needs no filling in; each with its line."""

from __future__ import annotations

import json

import pytest

from vstar_sdk.synopsis.answers import answer_model
from vstar_sdk.templating import templates
from vstar_sdk.templating.linting import lint

HEAD = "---\nname: mine\nversion: 1\ninputs:\n  properties:\n    prompt: {type: string}\n    states: {type: integer}\n---\n"
GOOD = "{% block system %}\nexactly {{ states }}\n{% endblock %}\n{% block user %}\n{{ prompt | tojson }}\n{% endblock %}\n"
WITHHELD = "is user text, which is not allowed in the system block: use it in the user block"
TAKEN = "is a template variable: use another name"
TWO = "is not allowed here: a template has the blocks system and user, in this order"


@pytest.fixture
def findings(tmp_path):
    def find(text, name="mine"):
        (tmp_path / f"{name}.jinja").write_text(text)
        found = lint(templates.load(f"./{name}.jinja", folder=tmp_path))
        return [f"{problem.line}: {problem.message}" for problem in found]

    return find


def test_a_good_template_has_none(findings):
    assert findings(HEAD + GOOD) == []


@pytest.mark.parametrize("name", sorted(templates.built_in()))
def test_the_built_in_templates_have_none(name):
    assert lint(templates.load(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("exactly {{ states }}", "exactly four", ["7: the input 'states' is declared and never used"]),
        ("exactly {{ states }}", "{{ states }} {{ frames }}", ["10: 'frames' is not among the inputs of the front matter"]),
        ("exactly {{ states }}", "{{ states }} {{ mood }}", ["10: there is no variable 'mood'"]),
        ("exactly {{ states }}", "{{ states }} {{ prompt }}", [f"10: 'prompt' {WITHHELD}"]),
        ("exactly {{ states }}", "{% set states = 3 %}{{ states }}", [f"10: 'states' {TAKEN}"]),
        ("{{ prompt | tojson }}", "{{ prompt | tojsn }}", ["13: there is no filter 'tojsn'. Did you mean 'tojson'?"]),
        ("{{ prompt | tojson }}", "{{ prompt is strung }}", ["13: there is no test 'strung'. Did you mean 'string'?"]),
        ("{{ prompt | tojson }}", "{{ prompt", ["14: expected token 'end of print statement', got '{'"]),
        ("{{ prompt | tojson }}", "{{ prompt.a }}\n{{ prompt() }}", [
            "13: the only supported attributes are those of loop: 'a'",
            "14: the only supported call is range(...)",
        ]),
        ("{% block user %}", "lost\n{% block user %}", ["12: text outside of the blocks is ignored"]),
        ("block system", "block sistem", ["0: it has no block 'system'", f"9: a block 'sistem' {TWO}"]),
        ("name: mine", "name: yours", ["2: its name is 'yours', but its file is mine.jinja"]),
        ("{{ prompt | tojson }}", "a kite",
            ["0: it does not use the prompt", "6: the input 'prompt' is declared and never used"]),
    ],
)  # fmt: skip
def test_each_fault_is_found_with_its_line(findings, old, new, expected):
    assert old in HEAD + GOOD
    assert findings((HEAD + GOOD).replace(old, new)) == expected


def test_all_faults_are_found_at_once(findings):
    text = (HEAD + GOOD).replace("exactly {{ states }}", "{{ frames }}\n{{ 'a' | centre }}\n{{ 2 ** 3 }}")
    assert [line.partition(":")[0] for line in findings(text)] == ["7", "10", "11", "12"]


@pytest.mark.parametrize("name", sorted(templates.built_in()))
def test_the_examples_in_the_built_in_templates_are_answers_that_would_be_taken(name):
    text = templates.built_in()[name].read_text(encoding="utf-8")
    examples = [json.loads(line) for line in text.splitlines() if line.startswith('{"states": [{"caption": "A')]
    assert len(examples) == 2
    for example in examples:
        answer = answer_model(len(example["states"])).model_validate(example)
        captions = [state.caption.split() for state in answer.states]
        assert all(5 <= len(caption) <= 35 for caption in captions)
        assert len({tuple(caption) for caption in captions}) == len(captions)
        assert not {"then", "now", "still", "becomes", "turns", "begins"} & {word for caption in captions for word in caption}
