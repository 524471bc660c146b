"""The key ``sweep``: what may stand there, and what is said of anything else."""

from __future__ import annotations

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.spec.document import parse
from vstar_sdk.sweeps.axes import overrides, read_axes, spread


def axes(text, folder=None):
    return read_axes(parse(f"prompt: a volcano\nsweep: {text}\n", name="story.yaml", folder=folder))


def values(text, folder=None):
    (axis,) = axes(text, folder)
    return [value if len(axis.paths) > 1 else next(iter(value)) for value in axis.values]


def test_lists_and_ranges():
    assert values("{seed: [3, 1, 2]}") == [3, 1, 2]
    assert values("{seed: {from: 0, to: 9}}") == list(range(10))
    assert values("{seed: {from: 0, to: 9, step: 4}}") == [0, 4, 8]
    assert values("{sampling.guidance: {from: 1, to: 1.3, step: 0.1}}") == [1, 1.1, 1.2, 1.3]
    assert values("{prompt: ['2001', two]}") == ["2001", "two"]


def test_axes_are_crossed_and_the_last_changes_fastest():
    both = axes('{seed: [1, 2], "prompt, negative_prompt": [[a, b], [c, d]]}')
    cells = [dict(overrides(both, at)) for at in spread(both)]
    assert cells == [
        {"seed": seed, "prompt": prompt, "negative_prompt": negative}
        for seed in (1, 2)
        for prompt, negative in (("a", "b"), ("c", "d"))
    ]


def test_a_text_file_has_a_value_a_line(tmp_path):
    (tmp_path / "prompts.txt").write_text("\ufeffa volcano, in winter\r\n\n2001\n# a ball\n", encoding="utf-8")
    assert values("{prompt: prompts.txt}", tmp_path) == ["a volcano, in winter", "2001", "# a ball"]
    (tmp_path / "numbers.txt").write_text("1\n2.5\n-3e2\nauto\n1_0\n")
    assert values("{x.y: numbers.txt}", tmp_path) == [1, 2.5, -300.0, "auto", "1_0"]


def test_csv_has_a_header_where_its_first_line_names_the_paths(tmp_path):
    (tmp_path / "bare.csv").write_text('"a, b",c\nd,"e ""f"""\n')
    assert values('{"prompt, negative_prompt": bare.csv}', tmp_path) == [("a, b", "c"), ("d", 'e "f"')]
    (tmp_path / "named.csv").write_text("note,negative_prompt,prompt\nx,b,a\n,d,c\n")
    assert values('{"prompt, negative_prompt": named.csv}', tmp_path) == [("a", "b"), ("c", "d")]
    (tmp_path / "mixed.csv").write_text("prompt,seed\na,7\n2001,8\n")
    assert values('{"prompt, seed": mixed.csv}', tmp_path) == [("a", 7), ("2001", 8)]


def test_csv_has_texts_with_any_characters_that_separate_lines_elsewhere(tmp_path):
    (tmp_path / "prompts.csv").write_text(
        'prompt,seed\n"winter\u2028scene",1\n"a\x85b\x0cc",2\n"two\nlines",3\n', encoding="utf-8", newline=""
    )
    assert values('{"prompt, seed": prompts.csv}', tmp_path) == [("winter\u2028scene", 1), ("a\x85b\x0cc", 2), ("two\nlines", 3)]


def test_jsonl_has_values_lists_or_mappings(tmp_path):
    (tmp_path / "one.jsonl").write_text('3\n\n"a"\n{"use": "tar"}\n')
    assert values("{x: one.jsonl}", tmp_path) == [3, "a", {"use": "tar"}]
    (tmp_path / "two.jsonl").write_text('["a", 1]\n{"seed": 2, "prompt": "b"}\n')
    assert values('{"prompt, seed": two.jsonl}', tmp_path) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.csv", b"a,b\nc\n", "x.csv:2: 1 column instead of 2: prompt, seed"),
        ("x.csv", b"prompt,seed,note\na,1\n", "x.csv:2: 2 columns instead of 3"),
        ("x.csv", b'a,b\n"c,d\n', "x.csv:2: this is not valid CSV: unexpected end of data"),
        ("x.jsonl", b'["a", 1]\n["b"]\n', "x.jsonl:2: write a list of 2 values or a mapping: prompt, seed"),
        ("x.jsonl", b'["a", 1]\n\n["b",\n', "x.jsonl:3: this is not valid JSON"),
        ("x.jsonl", b'["a", NaN]\n', "x.jsonl:1: this is not valid JSON: NaN is not a number"),
        ("x.jsonl", b"[" * 100_000, "x.jsonl:1: this is not valid JSON"),
        ("x.txt", b"a\n", "a text file has one value a line, not 2"),
        ("x.jsonl", b"\n\n", "x.jsonl: it has no value"),
        ("x.csv", b"a,1\nb,\xff\n", "x.csv:2: this is not text (UTF-8)"),
        ("x.csv", b"a,1\nb,2\na,1\n", "x.csv:3: the same as "),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(tmp_path, name, content, line):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError) as caught:
        axes(f'{{"prompt, seed": {name}}}', tmp_path)
    assert line in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "story.yaml:2:1: sweep: sweep: write a mapping"),
        ("{seed: []}", "story.yaml:2:9: sweep.seed: an axis needs at least one value"),
        ("{seed: 3}", "story.yaml:2:9: sweep.seed: Write a list of values"),
        ("{seed: {from: 3, to: 1}}", "'to' must not be less than 'from'"),
        ("{seed: {from: 0, to: 1, by: 1}}", "a range has 'from', 'to'"),
        ("{seed: {from: true, to: 1}}", "must be numbers"),
        ("{seed: {from: 0, to: 1e9}}", "more than 100,000 values"),
        ("{seed: {from: -1.7e308, to: 1.7e308}}", "more than 100,000 values"),
        ("{seed: {from: 0, to: 1.0e308, step: 1.0e-300}}", "more than 100,000 values"),
        (f"{{seed: {{from: 0, to: {'9' * 390}}}}}", "'to' must not be less than 'from'"),
        ("{seed: {from: 0, to: 999}, sampling.steps: {from: 1, to: 999}}", "1000 x 999 are 999,000 cells, more than 100,000"),
        ("{seed: [1, 2, 1]}", "story.yaml:2:22: sweep.seed[2]: the same as story.yaml:2:16: sweep.seed[0]"),
        ('{"seed, prompt": [[1, a], 2]}', "write a list of 2 values, one for each of seed, prompt"),
        ('{seed: [1], "seed, prompt": [[1, a]]}', "seed is in the sweep twice"),
        ("{sampling: [{steps: 2}], sampling.steps: [1]}", "together with sampling, which contains it or is part of it"),
        ("{sampling.steps: [1], sampling: [{steps: 2}]}", "together with sampling.steps, which contains it or is part of it"),
        ('{"seed,": [1]}', "write a path of the spec"),
        ("{prompt: none.txt}", "there is no file none.txt"),
        ("{prompt: .}", "it is a folder"),
        ("{sampling.guidance: [.inf]}", "must be a finite number"),
    ],
)
def test_what_is_no_sweep(text, message):
    with pytest.raises(SpecError) as caught:
        axes(text)
    assert message in caught.value.message
