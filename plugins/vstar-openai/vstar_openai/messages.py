"""The message of a chat completion, in all the forms that servers document."""

from __future__ import annotations

import json
from typing import NamedTuple, cast

THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Fields in which reasoning servers set the thinking apart, and some of them the answer with it."""


class Parts(NamedTuple):
    """What a message holds.

    Attributes:
        text: the answer.
        thinking: what is not a part of it.
        refusal: why there is none.
    """

    text: str = ""
    thinking: str = ""
    refusal: str = ""


def read_message(message: object) -> Parts:
    """A message's content, a text or a list of parts; the arguments of a call of a tool; thinking in a field of its own."""
    fields = _object(message)
    content = _parts(message if isinstance(message, str) else fields.get("content"))
    called = [_arguments(_object(call)) for call in _list(fields.get("tool_calls"))]
    called.append(_arguments({"function": fields.get("function_call")}))  # the older form
    aside = next((text for name in THINKING if (text := "".join(_parts(fields.get(name))))), "")
    refusal = fields.get("refusal")
    return Parts(
        "\n".join(text for text in (content.text, *called) if text),
        content.thinking + aside,
        refusal if isinstance(refusal, str) and refusal else content.refusal,
    )


def _parts(content: object) -> Parts:
    """``"..."``, ``[{"type": "text", "text": "..."}, {"type": "thinking", "thinking": [...]}]``, or one such part."""
    if isinstance(content, str):
        return Parts(content)
    pieces = [_part(_object(item)) if not isinstance(item, str) else Parts(item) for item in _list(content) or [content]]
    return Parts(*("".join(texts) for texts in zip(*pieces, strict=True)))


def _part(part: dict[str, object]) -> Parts:
    kind = str(part.get("type", ""))
    if "think" in kind or "reason" in kind:
        return Parts(thinking="".join(_inner(part, ("thinking", "reasoning", "text", "summary", "content"))))
    if kind == "refusal":
        return Parts(refusal="".join(_inner(part, ("refusal", "text"))))
    if "type" not in part and "text" not in part:
        return Parts(json.dumps(part) if part else "")  # the answer itself, decoded already
    if "json" in kind:
        return Parts(json.dumps(part.get("json", part.get(kind))))
    return Parts("".join(_inner(part, ("text", "value"))))  # of a picture or a sound there is none


def _inner(part: dict[str, object], names: tuple[str, ...]) -> Parts:
    """The text of the first of these fields that a part has; it may be a list of parts or ``{"value": ...}`` again."""
    found = next((part[name] for name in names if part.get(name)), None)
    return _parts(_object(found).get("value", found) or "")


def _arguments(call: dict[str, object]) -> str:
    """What a tool is called with: a JSON text, or the object itself."""
    called = _object(call.get("function") or call.get("custom"))
    given = called.get("arguments", called.get("input"))
    return given if isinstance(given, str) else json.dumps(given) if given else ""


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
