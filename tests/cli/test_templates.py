"""``vstar templates``, and what ``vstar validate`` says of templates."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli
from vstar_sdk.templating.templates import built_in

MINE = """---
name: mine
version: 1
summary: Mine.
inputs:
  properties:
    prompt: {type: string}
    season: {enum: [spring, autumn], default: spring}
---
{% block system %}Captions of {{ season }}.{% endblock %}
{% block user %}{{ prompt | tojson }}{% endblock %}
"""

SPEC = """prompt: a kite rises
frames: 16
synopsis:
  use: llm
  template: TEMPLATE
"""


def vstar(*arguments):
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a spec and, beside it, a template of its own; not the working directory."""
    (tmp_path / "project" / "templates").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "project" / "templates" / "mine.jinja").write_text(MINE)
    (tmp_path / "project" / "story.yaml").write_text(SPEC.replace("TEMPLATE", "mine"))
    return tmp_path / "project"


def test_the_list_shows_names_and_summaries(monkeypatch):
    monkeypatch.setenv("VSTAR_DISABLE_PLUGINS", "*")
    result = vstar("templates")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["key-states", "timelapse", "transformation"]
    assert "One place from one fixed camera" in result.stdout


def test_the_list_holds_those_beside_a_spec_first(project, monkeypatch):
    monkeypatch.setenv("VSTAR_DISABLE_PLUGINS", "*")
    (project / "templates" / "timelapse.jinja").write_text("no front matter")
    rows = json.loads(vstar("templates", "--spec", str(project / "story.yaml"), "--json").stdout)
    assert [(row["name"], row["origin"]) for row in rows[:3]] == [
        ("mine", "next to the spec"),
        ("timelapse", "next to the spec"),
        ("key-states", "built in"),
    ]
    assert (rows[0]["summary"], rows[0]["inputs"], rows[0]["version"]) == ("Mine.", ["season"], 1)
    assert "no front matter" in rows[1]["problem"]
    assert "hidden" in rows[3]["summary"]


def test_json_may_stand_before_the_command():
    assert vstar("templates", "--json", "list").stdout == vstar("templates", "list", "--json").stdout
    said = json.loads(vstar("templates", "--json", "render", "key-states", "--prompt", "x").stdout)
    assert said.keys() == {"system", "user"}
    assert "'show' prints no JSON" in vstar("templates", "--json", "show", "timelapse").stderr


def test_show_prints_the_file():
    assert vstar("templates", "show", "timelapse").stdout == built_in()["timelapse"].read_text(encoding="utf-8")


def test_render_prints_both_messages(project):
    result = vstar(
        "templates", "--spec", str(project / "story.yaml"), "render", "mine", "--prompt", "a {{ kite }}", "--set", "season=autumn"
    )
    assert result.stdout == '--- system ---\nCaptions of autumn.\n\n--- user ---\n"a {{ kite }}"\n'
    said = json.loads(vstar("templates", "render", "key-states", "--prompt", "x", "--set", "states=3", "--json").stdout)
    assert "exactly 3 captions" in said["system"]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("season=winter", "season must be one of spring, autumn"),
        ("saeson=spring", "Did you mean 'season'?"),
        ("states=many", "--set states: must be a whole number"),
        ("fps=0", "--set fps: must be more than 0"),
        ("seconds=3", "set frames and fps"),
        ("season", "write NAME=VALUE"),
    ],
)
def test_what_cannot_be_set_is_an_error(project, assignment, words):
    result = vstar("templates", "render", str(project / "templates" / "mine.jinja"), "--prompt", "x", "--set", assignment)
    assert result.exit_code == 2
    assert words in result.stderr


def test_lint_exits_with_1_and_says_file_and_line(project):
    path = project / "templates" / "mine.jinja"
    assert vstar("templates", "lint", str(path), "key-states").exit_code == 0
    path.write_text(MINE.replace("{{ season }}", "{{ prompt | shout }}"))
    result = vstar("templates", "lint", str(path))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{path}:8", f"{path}:10", f"{path}:10"]
    assert "declared and never used" in lines[0]
    path.write_text(MINE.replace("version: 1", "version: 1\nversion: 2"))
    result = vstar("templates", "lint", str(path))
    assert (result.exit_code, f"{path}:4:1: the key 'version' is written twice" in result.stdout) == (1, True)


@pytest.mark.parametrize("command", [["show"], ["lint"], ["render", "--prompt", "x"]])
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("timelaps", 2, "Did you mean 'timelapse'?"),
        ("./none.jinja", 2, "there is no template file none.jinja"),
        ("acme/none", 2, "no installed package brings the namespace 'acme'"),
    ],
)
def test_an_unknown_name_is_an_error_of_use(command, name, code, words):
    result = vstar("templates", *command, name)
    assert result.exit_code == code
    assert words in result.stderr


def test_validate_takes_a_template_beside_the_spec(project):
    assert vstar("validate", str(project / "story.yaml")).exit_code == 0
    assert vstar("validate", str(project / "story.yaml"), "--set", "synopsis.inputs={season: autumn}").exit_code == 0


@pytest.mark.parametrize(
    ("synopsis", "place", "words"),
    [
        ("template: timelaps", "5:3", "synopsis.template: unknown template 'timelaps'. Did you mean 'timelapse'?"),
        ("template: ./none.jinja", "5:3", "there is no template file"),
        ("template: mine\n  inputs: {saeson: spring}", "6:12", "has no input 'saeson'. Did you mean 'season'?"),
        ("template: mine\n  inputs:\n    season: winter", "7:5", "season must be one of spring, autumn"),
        ("template: timelapse\n  inputs: {span: 3}", "6:12", "span must be text"),
    ],
)
def test_validate_finds_what_is_wrong_with_a_template(project, synopsis, place, words):
    spec = project / "story.yaml"
    spec.write_text(SPEC.replace("template: TEMPLATE", synopsis))
    result = vstar("validate", str(spec))
    assert result.exit_code == 2
    assert f"{spec}:{place}: " in result.stderr
    assert words in result.stderr


def test_validate_finds_faults_inside_a_template(project):
    path = project / "templates" / "mine.jinja"
    path.write_text(MINE.replace("{{ season }}", "{{ 1 / 0 }}"))
    result = vstar("validate", str(project / "story.yaml"))
    assert result.exit_code == 2
    assert f"{path}:10: division by zero" in result.stderr
