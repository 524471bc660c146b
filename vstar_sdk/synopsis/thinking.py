"""What a model says to itself before it answers: thinking, drafts and examples in tags of many dialects."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_THINKING = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analysis|scratch_?pad|monologue)"
_ASIDE = r"(?:drafts?|plan(?:ning)?|examples?|schema|notes?|critique)"

_MARKS = re.compile(
    rf"""
    (?P<open>   <(?:\w+:)?{_THINKING}(?:\s[^<>]*)?>                             # <think>, <seed:think>, <thinking budget="0">
              | \[{_THINKING}\] | ◁{_THINKING}▷
              | <\|(?:begin_of_|start_of_|begin_|start_)?{_THINKING}\|>
              | <\|channel\|>\s*analysis[^<]*<\|message\|> | <\|channel>\s*thought )
  | (?P<close>  </(?:\w+:)?{_THINKING}\s*> | \[/{_THINKING}\] | ◁/{_THINKING}▷
              | <\|(?:/|end_of_|end_){_THINKING}\|>
              | <\|end\|> | <channel\|> )
  | (?P<aside>  <(?P<name>{_ASIDE})(?:\s[^<>]*)?> )
    """,
    re.IGNORECASE | re.VERBOSE,
)


_SHARED = ("<|end|>", "<channel|>")
"""Closing tags that end more than thinking: alone, they say nothing."""


class Answered(NamedTuple):
    """An answer without what is not a part of it.

    Attributes:
        text: as long as the answer was, so that places in it stay true: blanks stand where something was taken out.
        thought: whether thinking was among it.
        unclosed: what follows an opening tag that is never closed: a model that forgets the closing one answers in there.
    """

    text: str
    thought: bool
    unclosed: str


def without_thinking(text: str) -> Answered:
    """The answer with blanks in place of thinking, and of drafts and examples in tags.

    Thinking may lack its opening tag, which a chat template may have written: then all before the closing one is thinking. It may
    lack the closing one: then all after the opening one is.
    """
    aside = _aside(text)
    unclosed = "" if aside.opened is None else _MARKS.sub(" ", text[aside.opened :])
    return Answered(_joined(text, aside.spans, lambda part: re.sub(r"[^\n]", " ", part)), aside.thought, unclosed)


def spoken(text: str) -> str:
    """The answer without thinking, to send back to the model: no chat template accepts earlier thinking in a conversation."""
    return _joined(text, _aside(text).spans, lambda part: "").strip()


class _Aside(NamedTuple):
    """Where the answer is not, whether that is thinking, and where thinking opens that is never closed."""

    spans: list[tuple[int, int]]
    thought: bool
    opened: int | None


def _aside(text: str) -> _Aside:
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    thought, done = False, 0
    missing: set[str] = set()  # closing tags that are looked for once, however often the opening one stands there
    for mark in _MARKS.finditer(text):
        if mark.start() < done:
            continue
        if mark["aside"]:
            closing = f"</{mark['name'].lower()}>"
            if opened is not None or closing in missing:
                continue
            end = re.compile(closing, re.IGNORECASE).search(text, mark.end())
            if end is None:
                missing.add(closing)
            else:
                done = end.end()
                spans.append((mark.start(), done))
        elif mark["open"]:
            opened = mark.start() if opened is None else opened
        elif opened is not None or mark[0] not in _SHARED:
            spans.append((opened or 0, mark.end()))
            opened, thought = None, True
    if opened is not None:
        spans.append((opened, len(text)))
    return _Aside(spans, thought or opened is not None, opened)


def _joined(text: str, spans: list[tuple[int, int]], instead: Callable[[str], str]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        start = max(start, position)
        if end > start:
            pieces += [text[position:start], instead(text[start:end])]
            position = end
    return "".join([*pieces, text[position:]])
