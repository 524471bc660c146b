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


Spans = list[tuple[int, int]]


class Said(NamedTuple):
    """An answer without what is no part of it.

    Attributes:
        text: as long as the answer was, so that places in it stay true: blanks stand where something was taken out.
        thought: whether thinking was among it.
    """

    text: str
    thought: bool


def without_thinking(text: str) -> Said:
    """The answer with blanks in place of thinking, and of drafts and examples in tags.

    Thinking may lack its opening tag, which a chat template may have written: then all before the closing one is thinking. It may
    lack the closing one, where it was cut off: then all after the opening one is.
    """
    hidden, thought = _hidden(text)
    return Said(_joined(text, hidden, lambda part: re.sub(r"[^\n]", " ", part)), thought)


def spoken(text: str) -> str:
    """The answer alone, as it is told to the model again: no chat template wants earlier thinking in a conversation."""
    return _joined(text, _hidden(text)[0], lambda part: "").strip()


def _hidden(text: str) -> tuple[Spans, bool]:
    """Where the answer is not, and whether that is thinking."""
    hidden: Spans = []
    opened: int | None = None
    thought, done, lower = False, 0, text.lower()
    unclosed: set[str] = set()
    for mark in _MARKS.finditer(text):
        if mark.start() < done:
            continue
        if mark["aside"]:
            closing = f"</{mark['name'].lower()}>"
            if opened is not None or closing in unclosed:
                continue
            end = lower.find(closing, mark.end())
            if end < 0:
                unclosed.add(closing)  # looked for once, however often the tag opens
                continue
            hidden.append((mark.start(), end))
            done = end
        elif mark["open"]:
            opened = mark.start() if opened is None else opened
        elif opened is not None or mark[0] not in _SHARED:
            hidden.append((opened or 0, mark.end()))
            opened, thought = None, True
    if opened is not None:
        hidden.append((opened, len(text)))
    return hidden, thought or opened is not None


def _joined(text: str, hidden: Spans, instead: Callable[[str], str]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in sorted(hidden):
        start = max(start, position)
        if end > start:
            pieces += [text[position:start], instead(text[start:end])]
            position = end
    return "".join([*pieces, text[position:]])
