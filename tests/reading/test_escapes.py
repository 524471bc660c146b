"""The one escape of control and bidi characters."""

from __future__ import annotations

import json

import pytest

from vstar_sdk.reading.escapes import escaped, json_escaped, printable

OBEYED = {
    "\x1b": r"\x1b",
    "\r": r"\r",
    "\x07": r"\x07",
    "\x7f": r"\x7f",
    "\x9b": r"\x9b",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\u200f": r"\u200f",
    "\u061c": r"\u061c",
    "\u2028": r"\u2028",
    "\ufeff": r"\ufeff",
    "\udce9": r"\udce9",
    "\U000e0041": r"\U000e0041",
}


@pytest.mark.parametrize("sign", OBEYED)
def test_what_a_terminal_obeys_is_written_as_an_escape(sign):
    assert escaped(f"a{sign}b") == f"a{OBEYED[sign]}b"
    assert escaped(f"ä{sign}b") == f"ä{OBEYED[sign]}b"
    assert printable(f"a{sign}b") == f"a{OBEYED[sign]}b"


@pytest.mark.parametrize("sign", OBEYED)
def test_json_stays_json_and_means_the_same(sign):
    data = {f"ke{sign}y": [f"a{sign}b\n\t", "é 日本"]}
    text = json_escaped(json.dumps(data, ensure_ascii=False, indent=2))
    assert json.loads(text) == data
    assert sign not in text


@pytest.mark.parametrize("text", ["two\nlines\tand a tab", "Kurt Gödel", "日本語　の 山", "می‌خواهم", "👩‍🚀", "a\u00a0b"])
def test_what_people_write_stays_as_it_is(text):
    assert escaped(text) == text


def test_a_name_is_one_line():
    assert printable("a\nb\tc\u00a0d") == r"a\nb\tc\xa0d"
