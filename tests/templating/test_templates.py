"""Templates: finding them, reading them, and strictness."""

from __future__ import annotations

import pytest

from vstar_sdk.errors import TemplateError
from vstar_sdk.templating import templates
from vstar_sdk.templating.rendering import render
from vstar_sdk.templating.sandbox.bounds import LONGEST

VALUES = {"prompt": "a kite rises", "style": "", "states": 4, "frames": 64, "fps": 8.0, "seconds": 8.0}
INPUTS = "inputs: [prompt, style, states, frames, fps, seconds]"


@pytest.fixture
def write(tmp_path):
    """Writes a template with these two blocks and loads it."""

    def make(system="Be brief.", user="{{ prompt }}", front=INPUTS, rest=""):
        text = f"---\nname: mine\nversion: 2\n{front}\n---\n{{% block system %}}{system}{{% endblock %}}\n"
        (tmp_path / "mine.jinja").write_text(f"{text}{{% block user %}}{user}{{% endblock %}}\n{rest}")
        return templates.load("./mine.jinja", folder=tmp_path)

    return make


def refused(template, **values):
    with pytest.raises(TemplateError) as caught:
        render(template, VALUES | values)
    return f"{caught.value} | {caught.value.hint}"


def test_every_built_in_template_renders():
    assert "key-states" in templates.built_in()
    for name, path in templates.built_in().items():
        template = templates.load(name)
        assert (template.about.name, template.path) == (name, path)
        for states in (2, 9, None):
            rendered = render(template, VALUES | {"states": states})
            assert rendered.system
            assert "a kite rises" in rendered.user


def test_both_blocks_are_filled_in(write):
    rendered = render(write("{{ states }} of {{ frames }} at {{ fps }}: {{ seconds }}", "{{ prompt }}!"), VALUES)
    assert (rendered.system, rendered.user) == ("4 of 64 at 8.0: 8.0", "a kite rises!")


def test_another_script_stays_readable():
    assert "雪の谷" in render(templates.load("key-states"), VALUES | {"prompt": "雪の谷"}).user


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(TemplateError, match=r"unknown template 'key-sates'\. Did you mean 'key-states'\? Searched: .*timelapse"):
        templates.find("key-sates")


def test_plugins_templates_have_a_namespace(tmp_path):
    path = tmp_path / "haiku.jinja"
    path.write_text("")
    found = templates.find("acme/haiku", registered={"acme/haiku": path})
    assert (found.path, found.origin) == (path, "plugin")
    with pytest.raises(TemplateError, match="Did you mean 'acme/haiku'"):
        templates.find("acme/haikus", registered={"acme/haiku": path})


def test_paths_begin_at_the_folder_of_the_spec(tmp_path, write):
    write()
    for name in ("./mine.jinja", "mine.jinja", str(tmp_path / "mine.jinja")):
        assert templates.find(name, folder=tmp_path).path == tmp_path / "mine.jinja"
    with pytest.raises(TemplateError, match=r"there is no template file .*other\.jinja"):
        templates.find("./other.jinja", folder=tmp_path)
    with pytest.raises(TemplateError, match="there is no template file"):
        templates.find("./", folder=tmp_path)
    for name in ("./" + "x" * 400, "./\0"):
        with pytest.raises(TemplateError, match="there is no template file"):
            templates.find(name, folder=tmp_path)


def test_a_bare_name_is_looked_for_beside_the_spec_first(tmp_path):
    (tmp_path / "templates").mkdir()
    for name in ("mine", "key-states"):
        (tmp_path / "templates" / f"{name}.jinja").write_text("")
    registered = {"acme/haiku": tmp_path / "haiku.jinja"}
    found = {name: templates.find(name, folder=tmp_path, registered=registered) for name in ("mine", "key-states", "timelapse")}
    assert {name: one.origin for name, one in found.items()} == {
        "mine": "next to the spec",
        "key-states": "next to the spec",
        "timelapse": "built in",
    }
    assert templates.find("key-states").origin == "built in"


def test_an_unknown_name_says_what_was_searched(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.jinja").write_text("")
    with pytest.raises(TemplateError) as caught:
        templates.find("quite-another", folder=tmp_path, registered={"acme/haiku": tmp_path / "haiku.jinja"})
    assert f"{tmp_path / 'templates'} (mine); plugins that the spec names (acme/haiku); built in (key-states, " in str(
        caught.value
    )
    with pytest.raises(TemplateError, match="there is no spec file"):
        templates.find("mine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ":1: no front matter"),
        ("{% block system %}{% endblock %}", ":1: no front matter"),
        ("---\nname: x\nversion: 1\n", ":1: no front matter"),
        ("---\nname: [x\n---\n", ":2:9: expected"),
        ("---\n---\n", "front matter"),
        ("---\nname: 2024 13 45\n---\n", ":2: front matter, name: String should match"),
        ("---\nname: " + "[" * 500 + "\n---\n", "nested too deeply"),
        ("---\nname: x\n---\n", "front matter, version: Field required"),
        (
            "---\nname: x\nversion: 1\nauthor: me\n---\n",
            ":4: front matter, author: unknown key; known are name, version",
        ),
        ("---\nname: x\nversion: 1\ninputs: [prompt, mood]\n---\n", "there is no variable 'mood'"),
        ("---\nname: x\nversion: 1\ninputs: [prompt, {style: x}]\n---\n", "there is no variable"),
        ("---\nname: x\nv[e]rsion: 1\ninputs: [prompt]\n---\n", "unknown key"),
        ("---\nname: x\nversion: 1\nsummary: !!python/object:os.system ls\n---\n", ":4:10: the tag"),
        ("---\nname: x\nversion: 1\nname: y\n---\n", ":4:1: the key 'name' is written twice"),
        ("---\nname: &a x\nversion: 1\nsummary: *a\n---\n", ":4:10: aliases"),
        ("---\nname: x\nvers: 1\n---\n", "Did you mean 'version'?"),
    ],
)
def test_front_matter_is_checked(tmp_path, text, words):
    (tmp_path / "x.jinja").write_text(text)
    with pytest.raises(TemplateError) as caught:
        templates.load("x.jinja", folder=tmp_path)
    assert str(tmp_path / "x.jinja") in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xfe\x00", "is not text"), (b"x" * 65_537, "more than 64 KB")])
def test_a_file_that_is_no_template(tmp_path, content, words):
    (tmp_path / "x.jinja").write_bytes(content)
    with pytest.raises(TemplateError, match=words):
        templates.load("x.jinja", folder=tmp_path)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("one\n{{ mood }}", ":8: there is no variable 'mood'"),
        ("one\n{{ promt }}", ":8: there is no variable 'promt'. Did you mean 'prompt'?"),
        ("one\n{{ prompt.mood }}", ":8: the only supported attributes are those of loop: 'mood'"),
        ("one\n{% if prompt %}", ":8: Encountered unknown tag 'endblock'"),
        ("one\n{{ prompt | shout }}", ":8: there is no filter 'shout'"),
        ("one\n{{ 1 / 0 }}", ":8: division by zero"),
        ("one\n{{ prompt + 1 }}", ":8: "),
        ("{% include 'other' %}", ":7: templates do not support includes"),
        ("{{ ''.__class__.__mro__ }}", ":7: the only supported attributes are those of loop: '__mro__'"),
        ("{{ prompt.format.__globals__ }}", ":7: "),
        ("{{ 'x' * 1000000000 }}", ":7: the operator * is for numbers only"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", ":7: templates do not support powers"),
        ("{{ range(1001) | list }}", ":7: a range of more than 1000 steps"),
        ("{{ cycler }}", ":7: there is no variable 'cycler'"),
    ],
)
def test_what_a_template_may_not_do_is_told_with_its_line(write, user, words):
    template = write(user=user)
    told = refused(template)
    assert told.startswith(f"{template.path}:")
    assert words in told


def test_a_variable_in_a_branch_not_taken_must_be_declared(write):
    template = write(user="{{ prompt }}{% if false %}{{ style }}{% endif %}", front="inputs: [prompt]")
    told = refused(template)
    assert ":7: 'style' is not among the inputs of the front matter" in told
    assert "inputs: [prompt, style]" in told


def test_both_blocks_must_be_there(tmp_path):
    (tmp_path / "x.jinja").write_text("---\nname: x\nversion: 1\n---\n{% block user %}{{ prompt }}{% endblock %}")
    assert "it has no block 'system'" in refused(templates.load("x.jinja", folder=tmp_path))


@pytest.mark.parametrize("rest", ["\nlost words", "\n{{ prompt }}", "\n{% set a = 1 %}", "\n{% extends 'other' %}"])
def test_nothing_stands_outside_of_the_blocks(write, rest):
    assert ":9: text outside of the blocks is ignored" in refused(write(rest=rest))


def test_comments_may_stand_outside_of_the_blocks(write):
    assert render(write(rest="{# a note #}\n\n"), VALUES).system == "Be brief."


@pytest.mark.parametrize(
    "user",
    [
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500,
        "{% for i in range(1) %}" * 30 + "{% endfor %}" * 30,
    ],
)
def test_deep_nesting_is_an_error_and_no_crash(write, user):
    assert "nested too deeply" in refused(write(user=user))


@pytest.mark.parametrize(
    "user", ["{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}", "{{ prompt }}"]
)
def test_a_part_has_a_greatest_length(write, user):
    template = write(user=user)
    told = refused(template, prompt="x" * (LONGEST + 1))
    assert told.startswith(f"{template.path}: the user block is longer than 20,000 characters")
