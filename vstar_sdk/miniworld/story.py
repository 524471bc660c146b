"""Reads the story of a prompt about a known family: the stages that it goes through, in their order. Pure Python."""

from dataclasses import dataclass
from itertools import pairwise

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.events import Event, find_events
from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import BACKWARDS, CHANGES
from vstar_sdk.miniworld.words import Text

_ORDER = {"after": 0, "early": 0, "first": 0, "": 1, "to": 1, "last": 2, "before": 2}
_WRITE_OUT = "write the states out: synopsis: {use: states, states: [...]}"


@dataclass(frozen=True)
class Story:
    """Where a story begins and ends, and the words of the prompt that told it."""

    start: float
    end: float
    used: frozenset[int]


def tell(family: Family, text: Text, prompt: str, still: bool = False) -> Story:
    """The story that a prompt tells of a family.

    Stages stand in the order of the prompt, but that a marker ("from", "after", "ends in") may put one first or last. A verb
    goes from where the story is to where it leads, or to the next stage on that way. What stops goes to what is there
    without it. One stage without a change stands still; no stage at all is the family's usual change, or where that begins
    when the prompt says that nothing changes (``still``).

    Raises:
        SpecError: a story there and back, one side of "from ... to ..." that is not a stage, time that runs backwards.
    """
    events, used = find_events(family, text)
    _check_sides(family, text, events, prompt)
    path = _path(family, text, events, still)
    if not family.cyclic and _turns([key.at for key in path]):
        raise SpecError(f"{prompt.strip()!r} goes there and back, and the writer tells one way only", hint=_WRITE_OUT)
    for at, _ in text.search(BACKWARDS):
        if family.cyclic or len(path) < 2:
            why = f"time runs only forward in a {family.name}" if family.cyclic else "it stands still"
            raise SpecError(f"in {prompt.strip()!r}, {text.line_of(at)!r} cannot be read: {why}", hint=_WRITE_OUT)
        path.reverse()
        used |= set(at)
    return Story(*_unwrap(family, path, _ranged(events)), frozenset(used))


def _check_sides(family: Family, text: Text, events: list[Event], prompt: str) -> None:
    """Both sides of "from ... to ..." are stages, or neither is."""
    keys = [event for event in events if isinstance(event.meaning, Key)]
    for _, match in text.search(r"\bfrom (.+?) (?:to|into|until|till|through) (.+)"):
        sides = [(match.start(n), match.end(n), match.group(n)) for n in (1, 2)]
        held = [any(low <= text.offset(key.at.start) < high for key in keys) for low, high, _ in sides]
        if sum(held) == 1:
            raise SpecError(
                f"in {prompt.strip()!r}, {sides[held.index(False)][2]!r} is no stage of a {family.name}",
                hint=f"A {family.name} has the stages {', '.join(key.name for key in family.keys)}.",
            )


def _ranged(events: list[Event]) -> bool:
    """Whether a prompt says from where and to where."""
    return {"first", "to"} <= {event.role for event in events if isinstance(event.meaning, Key)}


def _path(family: Family, text: Text, events: list[Event], still: bool) -> list[Key]:
    """The stages of the story in its order."""
    events = sorted(events, key=lambda event: _ORDER[event.role])
    keys = [event for event in events if isinstance(event.meaning, Key)]
    stated = any(text.line_of(range(max(key.at.start - 2, 0), key.at.start)) == "it is" and not key.role for key in keys)
    if stated or (_ranged(events) and not any(event.stops for event in events)):
        events = keys  # the stages are told: verbs only say it again
    path: list[Key] = []
    passed: set[str] = set()
    for n, event in enumerate(events):
        if isinstance(event.meaning, Arc):
            arc = event.meaning
            passed = {arc.start, arc.end} if event.stops else {arc.start}
            path = _stopped(family, path, arc) if event.stops else _gone_on(family, path, arc, events[n + 1 :])
        elif event.role or event.meaning.name not in passed or len(path) < 2:  # not: "takes off on a meadow"
            path += [event.meaning, family.after(event.meaning)] if event.stops else [event.meaning]
    if not path:
        usual = family.arcs[0]
        return [family.key(usual.start)] if still else [family.key(usual.start), family.key(usual.end)]
    return _from_one(family, text, keys[0], path[0]) if len(path) == 1 and not still else path


def _stopped(family: Family, path: list[Key], arc: Arc) -> list[Key]:
    """The path when a change stops: from where it has led to what was there before, or comes after."""
    start, end = family.key(arc.start), family.key(arc.end)
    after = family.after(end) if end.then or family.cyclic else start
    return [*(path[:-1] if path[-1:] == [start] else path), end, after]


def _gone_on(family: Family, path: list[Key], arc: Arc, rest: list[Event]) -> list[Key]:
    """The path gone on along a change: to its end, or as far as the next stage that is told on its way."""
    start, end = family.key(arc.start), family.key(arc.end)
    if not path or path == [end]:  # "into the deep dives a submarine": the end was told before the change
        path = [start]

    def ahead(key: Key) -> bool:
        return family.cyclic or (key.at - path[-1].at) * (end.at - start.at) > 0

    for later in rest:
        if isinstance(later.meaning, Arc):
            if (later.meaning.start, later.meaning.end) != (arc.start, arc.end):
                break
        elif later.meaning is not start:
            if ahead(later.meaning):
                return path
            break
    return [*path, end] if end is not path[-1] and ahead(end) else path


def _from_one(family: Family, text: Text, only: Event, key: Key) -> list[Key]:
    """The way of a prompt with one stage: there it stays, or a marker or a word of change leads to it, away or past it."""
    usual, at = family.arcs[0], family.keys.index(key)
    if only.role == "after":
        return [family.after(key)]
    if only.role == "before" and (at or family.cyclic):
        return [family.keys[at - 1]]
    if only.role in ("to", "last"):
        return [family.keys[at - 1] if family.cyclic else family.key(usual.start if key.name != usual.start else usual.end), key]
    changes = any(text[i] in CHANGES and text.together(only.at.start, i) for i in range(only.at.stop, len(text)))
    if only.role == "first" or changes:
        return [key, family.key(usual.end if key.name != usual.end else usual.start)]
    return [key]


def _turns(stages: list[float]) -> bool:
    steps = [later - earlier for earlier, later in pairwise(stages)]
    return any(step > 0 for step in steps) and any(step < 0 for step in steps)


def _unwrap(family: Family, path: list[Key], ranged: bool) -> tuple[float, float]:
    """Start and end of a path of keys; time runs forward in a cyclic family."""
    start = end = path[0].at
    for key in path[1:]:
        if not family.cyclic:
            end = key.at
            continue
        ahead = (key.at - end) % 1.0
        if ahead == 0 and ranged:
            ahead = 1.0
        end = min(end + ahead, start + 1.0)
    return start, end
