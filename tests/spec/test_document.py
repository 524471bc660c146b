from __future__ import annotations

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.spec.document import LARGEST, parse, read
from vstar_sdk.spec.loading import load_spec

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prompt: a\nframes: 1\nprompt: b\n", r"story\.yaml:3:1: the key 'prompt' is written twice; first in line 1"),
        ("model:\n  use: a\n  use: b\n", r"story\.yaml:3:3: the key 'use' is written twice"),
        (BOMB, r"story\.yaml:2:8: aliases .* are not allowed"),
        ("prompt: !!python/object/apply:os.system [ls]\n", r"story\.yaml:1:9: the tag .* is not allowed"),
        ("prompt: [unclosed\n", r"story\.yaml:2:1: "),
        ("- a\n- b\n", "a spec is a mapping"),
        ("just text", "a spec is a mapping"),
        ("? [a, b]\n: c\n", r"story\.yaml:1:3: a key must be plain text"),
        ("prompt: x\nseed: \x00", r"story\.yaml:2:7: the character U\+0000 is not allowed in text"),
        ("prompt: x\nframes: " + "9" * 401, r"story\.yaml:2:9: the number is too long"),
        ("a: b\n---\na: c\n", r"story\.yaml:2:1"),
        ("a: " + "[" * 5000, r"story\.yaml:1:44: nested too deeply: a spec has at most 40 levels"),
        ('prompt: "\\U00110000"\n', r"story\.yaml:1:12: an escape .* names no character"),
        ('prompt: x\n"\\U80010000": 1\n', r"story\.yaml:2:\d+: an escape .* names no character"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(text, words):
    with pytest.raises(SpecError, match=words):
        parse(text, name="story.yaml")


def test_a_link_to_nothing_is_not_near_itself(tmp_path):
    (tmp_path / "story.yaml").symlink_to(tmp_path / "moved.yaml")
    with pytest.raises(SpecError, match=r"story\.yaml is a link to a file that is not there$"):
        read(tmp_path / "story.yaml")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("prompt: dawn: a beach\n", 'quote a text that contains ": "'),
        ("model:\n\tuse: miniworld\n", "indent with spaces"),
        ("prompt: a beach\nframes 3\n", "write each key as key: value"),
        ('prompt: "a beach\nframes: 3\n', "close the quotes"),
        ("a: 1\n- b\n", "check the indentation"),
        ("a: [1, }\n", "fix the YAML at that place"),
    ],
)
def test_the_hint_says_what_to_do_about_malformed_yaml(text, remedy):
    with pytest.raises(SpecError) as refused:
        parse(text, name="story.yaml")
    assert remedy in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("there", "asked", "guess"),
    [
        (["own.yaml"], "own.yml", "own.yaml"),
        (["own.json", "own.yml"], "own", "own.yml"),
        (["stories.yaml"], "storeis.yaml", "stories.yaml"),
        (["own.txt"], "own.yml", None),
        (["own.yaml"], "a/own.yml", None),
    ],
)
def test_a_missing_file_suggests_the_nearest_in_its_folder(tmp_path, there, asked, guess):
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(SpecError, match="there is no file") as refused:
        read(tmp_path / asked)
    assert refused.value.message.endswith(f"{asked}. Did you mean '{tmp_path / guess}'?" if guess else asked)


def test_scalars_are_read_by_the_rules_of_yaml_1_2():
    text = "a: 12:30:45\nb: no\nc: on\nd: 2026-01-31\ne: 010\nf: 1e3\ng: 0x10\nh: 1_000\ni: true\nj: null\nk: -2.5\nl: .5\n"
    assert parse(text).data == {
        "a": "12:30:45",
        "b": "no",
        "c": "on",
        "d": "2026-01-31",
        "e": 10,
        "f": 1000.0,
        "g": "0x10",
        "h": "1_000",
        "i": True,
        "j": None,
        "k": -2.5,
        "l": 0.5,
    }


def test_a_merge_key_is_an_ordinary_key():
    assert parse("<<: {a: 1}\n").data == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("prompt",), "story.yaml:1:1"),
        (("regularizers", 1, "sigma"), "story.yaml:5:5"),
        (("regularizers", 1, "sigma", 0), "story.yaml:5:13"),
        (("regularizers", 1, "absent"), "story.yaml:4:5"),
        (("absent",), "story.yaml:1:1"),
    ],
)
def test_places(path, place):
    document = parse("prompt: x\nregularizers:\n  - use: a\n  - use: tar\n    sigma: {0: 4}\n", name="story.yaml")
    assert document.place(path) == place


def test_json_is_read_with_its_places(tmp_path):
    file = tmp_path / "story.json"
    file.write_text('{\n\t"prompt": "\\ud83c\\udf3b http:\\/\\/",\n\t"frames": 3\n}')
    document = read(file)
    assert document.data == {"prompt": "🌻 http://", "frames": 3}
    assert document.place(("frames",)) == f"{file}:3:2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,\n "b": [{"c": 1, "c": 2}]}', r"story\.json:2:17: the key 'c' is written twice"),
        ('{"a": }', r"story\.json:1:7"),
        ('{"a":\n' + "[" * 5000, r"story\.json:2:40: nested too deeply"),
        ('{"a":\n  ' + "9" * 5000 + "}", r"story\.json:2:3: the number is too long"),
        ("[]", r"story\.json:1:1: a spec is a mapping"),
    ],
)
def test_malformed_json(text, words):
    with pytest.raises(SpecError, match=words):
        parse(text, name="story.json", as_json=True)


def test_files_that_are_no_spec(tmp_path):
    binary = tmp_path / "noise.yaml"
    binary.write_bytes(bytes(range(256)))
    large = tmp_path / "large.yaml"
    large.write_text("a" * (LARGEST + 1))
    for path, words in [
        (binary, r"noise\.yaml:2:118: this is not text"),
        (large, "a spec has at most 512 KB"),
        (tmp_path, "is a folder"),
        (tmp_path / "no", "there is no file"),
    ]:
        with pytest.raises(SpecError, match=words):
            read(path)


def test_half_a_character_below_a_key_that_is_a_number_is_told_with_its_place(tmp_path):
    story = tmp_path / "story.yaml"
    story.write_text('prompt: x\nversion: {.nan: "\\uD800"}\n')
    with pytest.raises(SpecError, match=r"story\.yaml:2:\d+: version\.nan: has an invalid character"):
        load_spec(story)
