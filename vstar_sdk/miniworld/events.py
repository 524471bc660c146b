"""Finds the stages and changes that a prompt names, and what it says of their order and end. Pure Python."""

from dataclasses import dataclass, replace
from typing import Literal

from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import ARRIVES, DETERMINERS, FIRST, LAST, PREPOSITIONS, SMALL, STOPS, TO
from vstar_sdk.miniworld.vocabulary import language
from vstar_sdk.miniworld.words import Phrases, Text

Role = Literal["", "after", "early", "first", "to", "last", "before"]
"""What a marker says of an event: the story begins behind it, with it early, or from it; goes to it; ends with it, or before."""

_MARKERS: Phrases[Role] = Phrases(
    [
        ("after", "after"),
        ("before", "before"),
        *((phrase, "early") for phrase in ("first", "at first", "initially")),
        *((phrase, "last") for phrase in LAST),
        *((phrase, "first") for phrase in FIRST),
        *((phrase, "to") for phrase in TO),
    ]
)
_ADVERBS = ("first", "at first", "initially", "finally", "eventually", "at last", "in the end", "at the end")
"""Markers that may stand behind their stage, too: "smoke first, lava later"."""

_BE = ("is", "are", "was", "were", "be")

_PLACED = ("in", "at", "on", "as", "with")


@dataclass(frozen=True)
class Event:
    """A stage or a change that a prompt names.

    Attributes:
        at: its words.
        meaning: the stage or the change.
        role: what a marker says of its place in the story.
        stops: the prompt says that it ends.
    """

    at: range
    meaning: Key | Arc
    role: Role = ""
    stops: bool = False


def find_events(family: Family, text: Text) -> tuple[list[Event], set[int]]:
    """The events of a family that a text names, in its order, and all words that name them and say how they follow."""
    events = [Event(at, meaning) for at, meaning in language(family.name).events.find(text)]
    used = {i for event in events for i in event.at}
    for note in (_markers, _between, _arrivals, _ends):
        used |= note(family, text, events)
    return events, used


def _markers(family: Family, text: Text, events: list[Event]) -> set[int]:
    """Give events the roles of the markers at them; the markers' words."""
    inside = {i for event in events for i in event.at}
    used = set[int]()
    for at, role in _MARKERS.find(text):
        if inside & set(at) or _qualifies(text, at, events):
            continue
        near = _marked(family, text, at, role, events)
        if near is None:
            continue
        event = events[near]
        if isinstance(event.meaning, Arc):
            if role not in ("after", "before"):
                continue
            event = replace(event, meaning=family.key(event.meaning.end))  # "after the volcano erupts" it is erupting
        if not (event.role == "last" and role == "to"):  # "finally, into night"
            events[near] = replace(event, role=role)
        used |= set(at)
    return used


def _qualifies(text: Text, at: range, events: list[Event]) -> bool:
    """Whether a word that could be a marker only describes: "the first blossom", "is left in the dark"."""
    word, before = text.line_of(at), text[at.start - 1]
    if word == "first":
        return before in DETERMINERS and any(event.at.start == at.stop for event in events)
    return word == "left" and before in _BE


def _marked(family: Family, text: Text, at: range, role: Role, events: list[Event]) -> int | None:
    """The event that a marker speaks of: the one that follows, in the same clause and before any noun of the family."""
    adverb = text.line_of(at) in _ADVERBS
    if adverb and not text.together(at.start, at.stop) and (before := _behind(text, events, at)) is not None:
        return before
    near = next((n for n, event in enumerate(events) if event.at.start >= at.stop), None)
    if near is None:
        return None
    event = events[near]
    if not text.together(at.start, event.at.start):
        return near if adverb and at.stop == event.at.start else None
    between = range(at.stop, event.at.start)
    nouns = any(noun.start in between and noun.stop <= event.at.start for noun, _ in language(family.name).nouns.find(text))
    strangers = sum(text[i] not in SMALL for i in between)
    turned = role == "to" and any(text[i] in PREPOSITIONS for i in between)
    return near if role in ("after", "before") or not (nouns or strangers > 2 or turned) else None


def _between(family: Family, text: Text, events: list[Event]) -> set[int]:
    """ "Between bud and bloom": from the one to the other."""
    for i in (i for i in range(len(text)) if text[i] == "between"):
        pair = [n for n, event in enumerate(events) if event.at.start > i and text.together(i, event.at.start)][:2]
        if len(pair) == 2:
            events[pair[0]], events[pair[1]] = replace(events[pair[0]], role="first"), replace(events[pair[1]], role="to")
    return set()


def _arrivals(family: Family, text: Text, events: list[Event]) -> set[int]:
    """ "Night comes": the story goes there. But "night comes to an end"."""
    used = set[int]()
    for n, event in enumerate(events):
        verb = event.at.stop
        while text[verb] in ("is", "are", "slowly", "now"):
            verb += 1
        arrives = text[verb] in ARRIVES and text.together(verb, event.at.start) and text[verb + 2] != "an"
        if arrives and isinstance(event.meaning, Key) and not event.role:
            events[n] = replace(event, role="first" if _is_place(text, event) else "to")
            used.add(verb)
    return used


def _ends(family: Family, text: Text, events: list[Event]) -> set[int]:
    """Mark the events of which the prompt says that they end; the words that say so."""
    used = set[int]()
    taken = {i for event in events for i in event.at}
    for at, match in text.search(STOPS):
        if set(at) <= taken:
            continue
        goal = _ahead(text, events, range(at.start, at.stop + 1)) if text[at.stop] in _PLACED else None
        if goal is not None:  # "comes to a halt at the sea"
            events[goal] = replace(events[goal], role=events[goal].role or "to")
            used |= set(at)
            continue
        near = _ahead(text, events, at) if match.group("before") else None
        if near is None and text[at.stop - 1] not in ("longer", "of", "the", "to"):
            near = _behind(text, events, at)
        if near is not None:
            inverted = match.group("behind") and _is_place(text, events[near])  # "in autumn ends the story"
            events[near] = replace(events[near], role="last") if inverted else replace(events[near], stops=True)
            used |= set(at)
    return used


def _is_place(text: Text, event: Event) -> bool:
    before = event.at.start - 1
    return text[before - (text[before] in DETERMINERS)] in _PLACED


def _ahead(text: Text, events: list[Event], at: range) -> int | None:
    """The event that follows some words at once, small words apart."""
    for n, event in enumerate(events):
        if event.at.start >= at.stop and text.together(at.start, event.at.start):
            return n if all(text[i] in SMALL for i in range(at.stop, event.at.start)) else None
    return None


def _behind(text: Text, events: list[Event], at: range) -> int | None:
    """The last event before some words, in their clause."""
    found = [n for n, event in enumerate(events) if event.at.stop <= at.start and text.together(event.at.start, at.start)]
    return found[-1] if found else None
