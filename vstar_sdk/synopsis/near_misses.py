"""Values that mean an answer although they are written in another way: nobody has to be asked again for those."""

from __future__ import annotations

from vstar_sdk.synopsis.json_values import as_list, as_object, decoded

STATES = ("states", "captions", "keystates")
"""What models call the list of key states, written small and without ``_``, ``-`` and blanks."""

_NOTHING = ("", "none", "null", "n/a")
"""Styles that say that there is none."""


def names_states(value: object) -> bool:
    """Whether it is an object that names its key states."""
    return any(_small(name) in STATES for name in as_object(value) or ())


def meant(given: object) -> object:
    """The value in the shape that was asked for, as far as its meaning is certain; what is not is left as it is.

    A bare list means its states; states may be plain texts, numbered from the first to the last, or a list that is written as a
    JSON text; style may be null, or a list of words.
    """
    value = decoded(given) if isinstance(given, str) else given
    if (states := as_list(value)) is not None:
        return {"states": [_state(state) for state in states]}
    if (answer := as_object(value)) is None:
        return value
    named = {_small(name): item for name, item in answer.items()}
    written: dict[str, object] = {}
    name = next((name for name in STATES if name in named), None)
    if name is not None:
        states = as_list(_in_order(named[name]))
        written["states"] = named[name] if states is None else [_state(state) for state in states]
    if "style" in named:
        written["style"] = _style(named["style"])
    return written


def _in_order(written: object) -> object:
    """A list that is written as a JSON text, or as an object numbered from 0 or 1."""
    states = (decoded(written) or written) if isinstance(written, str) else written
    numbered = as_object(states)
    if numbered and list(numbered) in ([str(number + first) for number in range(len(numbered))] for first in (0, 1)):
        return list(numbered.values())
    return states


def _state(state: object) -> object:
    if isinstance(state, str):
        return {"caption": state}
    fields = as_object(state)
    return state if fields is None else {_small(name): item for name, item in fields.items()}


def _style(style: object) -> object:
    if style is None or (isinstance(style, str) and style.strip().lower() in _NOTHING):
        return ""
    words = [word for word in as_list(style) or () if isinstance(word, str)]
    return ", ".join(words) if words and words == style else style


def _small(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign not in "_- ")
