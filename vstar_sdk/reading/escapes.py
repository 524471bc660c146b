"""The one escape: characters that a terminal obeys, or that show a text in another order than it has."""

from __future__ import annotations

import re
from unicodedata import category

_JOINERS = "\u200c\u200d"
"""Invisible, and part of the spelling of Persian and of many emoji."""

_OBEYED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control and format characters (bidi controls are among these), surrogates, and separators of lines and paragraphs."""

_ASCII_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def escaped(text: str) -> str:
    """A text of any number of lines as it may be printed: of the characters that are obeyed, line breaks and tabs are left."""
    if text.isascii():
        return _ASCII_CONTROL.sub(lambda found: _escape(found[0]), text)
    return "".join(_escape(sign) if obeyed(sign) and sign not in "\n\t" else sign for sign in text)


def printable(text: str) -> str:
    """A text on one line, such as a path or a name: whatever is not plainly to be seen is written as an escape."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def obeyed(sign: str) -> bool:
    """Whether a character is one that `escaped` escapes, line breaks and tabs included."""
    return category(sign) in _OBEYED and sign not in _JOINERS


def json_escaped(text: str) -> str:
    """JSON text, all of whose characters that are obeyed are escapes of JSON; line breaks between its values stay."""
    return "".join(_json_escape(sign) if obeyed(sign) and sign != "\n" else sign for sign in text)


def _escape(sign: str) -> str:
    return ascii(sign)[1:-1]


def _json_escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2))
