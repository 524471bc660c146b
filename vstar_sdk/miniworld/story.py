"""Reads the story of a prompt about a known family: the stages that it goes through, in their order. Pure Python."""

from dataclasses import dataclass, replace
from itertools import pairwise

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import (
    ARRIVES,
    BACKWARDS,
    CHANGES,
    DETERMINERS,
    FIRST,
    LAST,
    PREPOSITIONS,
    SMALL,
    STOPS,
    TO,
)
from vstar_sdk.miniworld.vocabulary import language
from vstar_sdk.miniworld.words import Phrases, Text

_MARKERS = Phrases(
    [*((phrase, "last") for phrase in LAST), *((phrase, "first") for phrase in FIRST), *((phrase, "to") for phrase in TO)]
)

_ADVERBS = ("first", "at first", "initially", "finally", "eventually", "at last", "in the end", "at the end")
"""Markers that may stand behind their stage, too: "smoke first, lava later"."""


@dataclass(frozen=True)
class Event:
    """A stage or a change that a prompt names.

    Attributes:
        at: its words.
        meaning: the stage or the change.
        role: "first", "to" or "last" as a marker before it says; "" without one.
        stops: the prompt says that it ends.
    """

    at: range
    meaning: Key | Arc
    role: str = ""
    stops: bool = False


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
        SpecError: a story there and back, one side of "from ... to ..." that is no stage, time that runs backwards.
    """
    events = [Event(at, meaning) for at, meaning in language(family.name).events.find(text)]
    used = {i for event in events for i in event.at}
    events, marks = _marked(family, text, events)
    events, ends = _stopped(text, events)
    used |= marks | ends
    _check_sides(family, text, events, prompt)
    path = _path(family, text, events, still)
    path = [key for i, key in enumerate(path) if i == 0 or key is not path[i - 1] or family.cyclic]
    if not family.cyclic and _turns([key.at for key in path]):
        raise SpecError(
            f"{prompt.strip()!r} goes there and back, and the writer tells one way only",
            hint="write the states out: synopsis: {use: states, states: [...]}",
        )
    for at, _ in text.search(BACKWARDS):
        if family.cyclic or len(path) < 2:
            why = f"time runs only forward in a {family.name}" if family.cyclic else "it stands still"
            raise SpecError(
                f"in {prompt.strip()!r}, {text.line_of(at)!r} cannot be read: {why}",
                hint="write the states out: synopsis: {use: states, states: [...]}",
            )
        path.reverse()
        used |= set(at)
    ranged = {"first", "to"} <= {event.role for event in events}
    return Story(*_unwrap(family, path, ranged), frozenset(used))


def _marked(family: Family, text: Text, events: list[Event]) -> tuple[list[Event], set[int]]:
    """The events with the roles that markers before them give, and the markers' words."""
    inside = {i for event in events for i in event.at}
    used = set[int]()
    for at, role in _MARKERS.find(text):
        if inside & set(at):
            continue
        if text.line_of(at) in _ADVERBS and not text.together(at.start, at.stop):
            before = [
                i for i, event in enumerate(events) if event.at.stop <= at.start and text.together(event.at.start, at.start)
            ]
            if before:
                events[before[-1]] = replace(events[before[-1]], role=role)
                used |= set(at)
                continue
        follower = next((i for i, event in enumerate(events) if event.at.start >= at.stop), None)
        if follower is None or not _reaches(family, text, at, role, events[follower]):
            continue
        event = events[follower]
        if isinstance(event.meaning, Arc):
            if text[at.start] not in ("after", "before"):
                continue
            if role == "first":  # "after the volcano erupts" it is erupting
                event = replace(event, meaning=family.key(event.meaning.end))
        if not (event.role == "last" and role == "to"):
            events[follower] = replace(event, role=role)
        used |= set(at)
    between = [i for i, word in enumerate(text.words) if word.text == "between"]
    for i in between:
        pair = [n for n, event in enumerate(events) if event.at.start > i and text.together(i, event.at.start)][:2]
        if len(pair) == 2:
            events[pair[0]], events[pair[1]] = replace(events[pair[0]], role="first"), replace(events[pair[1]], role="to")
    for n, event in enumerate(events):
        behind = next((i for i in range(event.at.stop, len(text)) if text[i] not in ("is", "are", "slowly", "now")), len(text))
        arrives = text[behind] in ARRIVES and text.together(behind, event.at.start)
        if arrives and isinstance(event.meaning, Key) and not event.role and text[behind + 2] != "an":  # "comes to an end"
            events[n] = replace(event, role="to")
            used.add(behind)
    return events, used


def _reaches(family: Family, text: Text, marker: range, role: str, event: Event) -> bool:
    """Whether a marker speaks of an event: in its clause, no noun of the family and no third foreign word between."""
    if not text.together(marker.start, event.at.start):
        return text.line_of(marker) in _ADVERBS and marker.stop == event.at.start
    between = range(marker.stop, event.at.start)
    if text[marker.start] in ("after", "before"):
        return True
    nouns = [at for at, _ in language(family.name).nouns.find(text) if at.start in between and at.stop <= event.at.start]
    strangers = [i for i in between if text[i] not in SMALL]
    turned = any(text[i] in PREPOSITIONS for i in between)
    return not nouns and len(strangers) < 3 and not (turned and role == "to")


def _stopped(text: Text, events: list[Event]) -> tuple[list[Event], set[int]]:
    """The events with those marked that the prompt says end, and the words that say so."""
    used = set[int]()
    taken = {i for event in events for i in event.at}
    for at, match in text.search(STOPS):
        words = set(at)
        if words <= taken:
            continue
        placed = text[at.stop] in ("in", "at", "on", "as", "with")
        if placed and _ahead(text, events, range(at.start, at.stop + 1)) is not None:
            continue  # "ends in autumn"
        near = _ahead(text, events, at) if match.group("before") else None
        if near is None and (match.group("behind") or text[at.start].startswith(("stop", "cease", "finish"))):
            behind = [
                n for n, event in enumerate(events) if event.at.stop <= at.start and text.together(event.at.start, at.start)
            ]
            near = behind[-1] if behind else None
        if near is not None:
            inverted = match.group("behind") and _is_place(text, events[near])  # "in autumn ends the story"
            events[near] = replace(events[near], role="last") if inverted else replace(events[near], stops=True)
            used |= words
    return events, used


def _is_place(text: Text, event: Event) -> bool:
    before = event.at.start - 1
    return text[before - (text[before] in DETERMINERS)] in ("in", "at", "on", "with", "as")


def _ahead(text: Text, events: list[Event], at: range) -> int | None:
    """The event that follows at once, small words apart."""
    for n, event in enumerate(events):
        if event.at.start >= at.stop and text.together(at.start, event.at.start):
            return n if all(text[i] in SMALL for i in range(at.stop, event.at.start)) else None
    return None


def _check_sides(family: Family, text: Text, events: list[Event], prompt: str) -> None:
    """Both sides of "from ... to ..." are stages, or neither is."""
    for _, match in text.search(r"\bfrom (.+?) (?:to|into|until|till|through) (.+)"):
        sides = [(match.start(n), match.end(n), match.group(n)) for n in (1, 2)]
        held = [any(low <= text.offset(event.at.start) < high for event in events) for low, high, _ in sides]
        if sum(held) == 1:
            side = sides[held.index(False)][2]
            raise SpecError(
                f"in {prompt.strip()!r}, {side!r} is no stage of a {family.name}",
                hint=f"A {family.name} has the stages {', '.join(key.name for key in family.keys)}.",
            )


def _path(family: Family, text: Text, events: list[Event], still: bool) -> list[Key]:
    """The stages of the story in its order."""
    order = {"first": 0, "": 1, "to": 1, "last": 2}
    events = sorted(events, key=lambda event: order[event.role])
    keys = [event for event in events if isinstance(event.meaning, Key)]
    stated = any(text[event.at.start - 2] == "it" and text[event.at.start - 1] == "is" and not event.role for event in keys)
    ranged = {"first", "to"} <= {event.role for event in keys}
    if stated or (ranged and not any(event.stops for event in events)):
        events = list(keys)  # the ends are told: verbs only say it again
    path: list[Key] = []
    for n, event in enumerate(events):
        if isinstance(event.meaning, Key):
            arrived = n > 0 and isinstance(arc := events[n - 1].meaning, Arc) and not event.role
            if arrived and path and event.meaning.name == arc.start and len(path) > 1:
                continue  # "takes off on a meadow"
            path.append(event.meaning)
            if event.stops:
                path.append(family.after(event.meaning))
        else:
            _follow(family, path, event, event.meaning, events[n + 1 :])
    if not path:
        usual = family.arcs[0]
        return [family.key(usual.start)] if still else [family.key(usual.start), family.key(usual.end)]
    if len(path) == 1 and not still:
        return _from_one(family, text, keys[0], path[0])
    return path


def _follow(family: Family, path: list[Key], event: Event, arc: Arc, rest: list[Event]) -> None:
    """Go on along a change, to its end or to the next stage on its way."""
    start, end = family.key(arc.start), family.key(arc.end)
    if event.stops:
        after = family.key(end.then) if end.then else family.after(end) if family.cyclic else start
        path[:] = [*path[:-1], end, after] if path[-1:] == [start] else [*path, end, after]
        return
    if not path or path == [end]:
        path[:] = [start]
    goal = end
    for later in rest:
        if isinstance(later.meaning, Arc):
            if (later.meaning.start, later.meaning.end) != (arc.start, arc.end):
                break
        elif later.meaning is not start:
            ahead = (later.meaning.at - path[-1].at) * (end.at - start.at) > 0
            if family.cyclic or ahead:
                goal = path[-1]  # that stage is told itself
            break
    onward = family.cyclic or (goal.at - path[-1].at) * (end.at - start.at) > 0
    if goal is not path[-1] and onward:
        path.append(goal)


def _from_one(family: Family, text: Text, only: Event, key: Key) -> list[Key]:
    """The way of a prompt with one stage: there it stays, or a word of change leads to it or away."""
    key, usual = only.meaning, family.arcs[0]
    changes = [i for i, word in enumerate(text.words) if word.text in CHANGES and i not in only.at]
    before = family.keys[family.keys.index(key) - 1] if family.cyclic else None
    to = before or family.key(usual.start if key.name != usual.start else usual.end)
    away = family.key(usual.end if key.name != usual.end else usual.start)
    if only.role in ("to", "last"):
        return [to, key]
    if only.role == "first" or any(i > only.at.start for i in changes):
        return [key, away]
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
