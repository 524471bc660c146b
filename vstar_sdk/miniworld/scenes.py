"""Chooses the scene of a prompt: by its subject, by verbs that mean one scene alone, by stages. Pure Python."""

import sys
from dataclasses import dataclass, replace

from vstar_sdk.miniworld.grammar import Family, Key, families
from vstar_sdk.miniworld.lexicon import CHANGES, COUNTS, DETERMINERS, PREPOSITIONS, SINGULAR, SMALL
from vstar_sdk.miniworld.vocabulary import is_known, language
from vstar_sdk.miniworld.words import Text

_WEIGHTS = {"subject": 3.0, "object": 2.0, "place": 1.0, "modifier": 0.5, "figure": 0.5, "compound": 0.25}
"""How much a noun says for its family, by what it is in its sentence."""

_BEFORE_SUBJECTS = frozenset(
    ("and", "or", "but", "then", "while", "when", "where", "is", "are", "was", "were", "show", "see", "first", "finally")
)


@dataclass(frozen=True)
class Candidate:
    """A family that a prompt may mean.

    Attributes:
        family: the family.
        nouns: where its nouns stand, with what each is: subject, object, place, modifier ("a mountain village"),
            figure ("a sea of people") or compound ("a forest hut").
        verbs: where verbs stand that mean it alone.
        stages: names of the stages that are named.
        changes: how many changes are named.
    """

    family: Family
    nouns: tuple[tuple[range, str], ...]
    verbs: tuple[range, ...]
    stages: frozenset[str]
    changes: int

    @property
    def weight(self) -> float:
        """How much speaks for it; of its nouns the strongest counts, so that a list of parts does not win."""
        nouns = max((_WEIGHTS[role] for _, role in self.nouns), default=0.0)
        return nouns + 3 * bool(self.verbs) + min(len(self.stages), 2) + min(self.changes, 2)

    @property
    def is_subject(self) -> bool:
        """Whether one of its nouns is a subject: a verb of another family's does not count next to it ("a diving balloon")."""
        return any(role == "subject" for _, role in self.nouns)

    @property
    def at(self) -> int:
        """Where it is first named."""
        return min((at.start for at, _ in self.nouns), default=sys.maxsize)

    @property
    def named(self) -> bool:
        """Whether a noun or a verb of its own names it; a figure of speech alone does not."""
        roles = {role for _, role in self.nouns}
        loosely = ("figure" in roles and (self.stages or self.changes)) or ("compound" in roles and len(self.stages) > 1)
        return bool(roles - {"figure", "compound"} or self.verbs or loosely)


def choose(text: Text) -> list[Candidate]:
    """The families that a prompt may mean, the likeliest first; none if it means none.

    A noun or a verb of its own means a family; stages alone mean a place ("winter, then spring"), or a thing where they are
    two. A sentence about something else ("a plane takes off", "a lava lamp") means none, but where it names a place and how
    the place looks ("a dog at the beach at night").
    """
    found = _absorbed(text, [_candidate(text, family) for family in families().values()])
    if (stranger := foreign_subject(text)) is not None:
        found = [one for one in found if _beside(text, one, stranger)]
    else:
        found = [one for one in found if one.named or _by_stages(text, one, found)]
    found = [one if one.is_subject or not any(other.is_subject for other in found) else replace(one, verbs=()) for one in found]
    return sorted(found, key=lambda one: (-one.weight - one.named / 2, one.at))


def _candidate(text: Text, family: Family) -> Candidate:
    words = language(family.name)
    nouns = tuple((at, _role(text, at)) for at, _ in words.nouns.find(text))
    events = [meaning for _, meaning in words.events.find(text)]
    stages = frozenset(event.name for event in events if isinstance(event, Key))
    changes = sum(not isinstance(event, Key) for event in events)
    return Candidate(family, nouns, tuple(at for at, _ in words.verbs.find(text)), stages, changes)


def _by_stages(text: Text, one: Candidate, all_found: list[Candidate]) -> bool:
    """Whether stages and changes alone mean a family: two stages, a change that no other has, a place's only stage."""
    others = [other for other in all_found if other is not one]
    if one.changes and (one.stages or not any(other.changes for other in others)):
        return not any(other.changes and other.stages for other in others)
    places = [other for other in all_found if other.family.pans and (other.stages or other.changes)]
    moving = CHANGES | {"to", "into", "until", "till", "then"}
    moves = one.family.pans or one.changes or any(word.text in moving for word in text.words)
    return (len(one.stages) > 1 and bool(moves)) or places == [one]


def _beside(text: Text, one: Candidate, stranger: int) -> bool:
    """Whether a family is there in a sentence whose subject the world does not know."""
    beside = any(role == "subject" and at.start > stranger for at, role in one.nouns)
    return beside or bool(one.named and one.nouns and one.stages and (one.family.pans or one.verbs or len(one.stages) > 1))


def _absorbed(text: Text, found: list[Candidate]) -> list[Candidate]:
    """Nouns that are a stage of another family's story are not a scene of their own: the town that a train leaves."""
    kept: list[Candidate] = []
    for one in found:
        nouns = tuple(
            noun for noun in one.nouns if not any(_takes(text, other, one, noun) for other in found if other is not one)
        )
        kept.append(replace(one, nouns=nouns))
    return kept


def _takes(text: Text, other: Candidate, one: Candidate, noun: tuple[range, str]) -> bool:
    at, role = noun
    alone = not any(theirs == "subject" for _, theirs in other.nouns)
    if role == "subject" and text[at.stop - 1] == one.family.name and (alone or _joined(text, at, other)):
        return False
    own = [where for where, _ in other.nouns if where != at]
    stages = language(other.family.name).events
    return bool(own) and any(where.start <= at.start and at.stop <= where.stop for where, _ in stages.find(text))


def _joined(text: Text, at: range, other: Candidate) -> bool:
    """Whether a noun is joined to one of another family by "and": two subjects."""
    for where, _ in other.nouns:
        between = range(min(at.stop, where.stop), max(at.start, where.start))
        if "and" in (said := [text[i] for i in between]) and set(said) <= DETERMINERS | {"and", "or"}:
            return True
    return False


def _role(text: Text, at: range) -> str:
    """What a noun is in its sentence; a compound where it only tells more of a third party: the lava of a lava lamp."""
    if names_a_stranger(text, at):
        return "compound"
    after = at.stop
    if text.together(after - 1, after) and _is_noun(text, after):
        return "modifier"
    if text[after] == "of":
        of = after + 2 if text[after + 1] in DETERMINERS else after + 1
        if _is_noun(text, of) and not _same_family(text, at.start, of):  # "a field of tulips"
            return "modifier"
        if text[of] and text[of] not in SMALL and not is_known(text[of]) and not text.words[of].written[0].isupper():
            return "figure"
    return standing(text, at.start)


def _is_noun(text: Text, at: int) -> bool:
    return any(language(name).nouns.at(text, at) for name in families())


def _same_family(text: Text, first: int, second: int) -> bool:
    return any(language(name).nouns.at(text, first) and language(name).nouns.at(text, second) for name in families())


def standing(text: Text, start: int) -> str:
    """Whether the thing that a word belongs to is a subject, an object or a place."""
    at = start - 1
    while text.together(at, start) and text[at] not in SMALL:
        if any(language(name).events.at(text, at) for name in families()) and not _adjective(text, at):
            break
        at -= 1
    if text.together(at, start) and text[at] in DETERMINERS:
        at -= 1
    if not text.together(at, start):
        return "subject"
    if text[at] == "of" and at:
        return standing(text, at - 1)
    if text[at] in PREPOSITIONS:
        return "place"
    return "subject" if text[at] in _BEFORE_SUBJECTS else "object"


def _adjective(text: Text, at: int) -> bool:
    return any((found := language(name).events.at(text, at)) is not None and isinstance(found[1], Key) for name in families())


def names_a_stranger(text: Text, at: range) -> bool:
    """Whether a word that the world does not know follows as the head of these words: "lava lamp", "winter coat"."""
    head = at.stop
    if not text.together(head - 1, head) or text[head] in SMALL or is_known(text[head]) or text[head] in COUNTS:
        return False
    named = text.words[head].written[0].isupper() and not text.words[head - 1].written[0].isupper()
    return text[head].isascii() and text[head].isalpha() and not named and not _verb_like(text, at, head)


def _verb_like(text: Text, noun: range, at: int) -> bool:
    """Whether an unknown word behind a noun is rather what it does than a thing: "a train rattles", "flowers tremble"."""
    word = text[at]
    if word.endswith(("ing", "ed", "ly")):
        return True
    if text[noun.stop - 1].endswith("s"):
        return not word.endswith("s")
    before = noun.start - 1
    while text.together(before, noun.start) and text[before] not in SMALL:
        before -= 1
    third_person = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as"))
    return third_person and text.together(before, noun.start) and text[before] in SINGULAR


def foreign_subject(text: Text) -> int | None:
    """Where the subject of the first sentence stands, when the world does not know it; None when it does, or there is none."""
    at = 0
    while at < len(text):
        if text[at] in SMALL or text[at] in COUNTS:
            at += 1
            continue
        stop = at + 1
        while text.together(at, stop) and text[stop] not in SMALL:
            stop += 1
        if standing(text, at) != "place":
            return _stranger(text, range(at, stop))
        at = stop
    return None


def _stranger(text: Text, run: range) -> int | None:
    """The word in a run of words that is an unknown head; None if a known noun or a place's stage leads the run."""
    if text[run.stop] == "of" or "camera" in (text[i] for i in run):
        return None
    for name, family in families().items():
        words = language(name)
        for i in run:
            noun, event = words.nouns.at(text, i), words.events.at(text, i)
            if noun and not names_a_stranger(text, noun[0]):
                return None
            if family.pans and event and isinstance(event[1], Key) and not names_a_stranger(text, event[0]):
                return None
    shouted = text.words[run.start].written.isupper()
    for i in run:
        named = text.words[i].written[0].isupper() and not shouted and text[i - 1] not in DETERMINERS
        does = i > run.start and is_known(text[i - 1]) and _verb_like(text, range(i - 1, i), i)
        if not is_known(text[i]) and text[i] not in COUNTS and not named and not does and not text[i].endswith(("ing", "ly")):
            return i
    return None
