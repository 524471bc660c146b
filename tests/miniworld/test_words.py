"""The words of a prompt, as they are folded and found; slips of the keyboard; colours; what is told of a prompt."""

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.colours import own_colours
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.lexicon import SMALL
from vstar_sdk.miniworld.scenes import choose, foreign_subject
from vstar_sdk.miniworld.vocabulary import forms, known_words, language, meant, whole
from vstar_sdk.miniworld.words import Phrases, split
from vstar_sdk.miniworld.writer import read, write


def folded(prompt: str) -> list[str]:
    return [word.text for word in split(prompt, whole).words]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("the volcano’s fire", ["the", "volcano", "fire"]),
        ("it doesn’t erupt", ["it", "doesn't", "erupt"]),
        ("a café, a naïve tulip", ["a", "cafe", "a", "naive", "tulip"]),
        ("Eyjafjallajökull", ["eyjafjallajokull"]),
        ("ｖｏｌｃａｎｏ", ["volcano"]),
        ("a half‑open rose", ["a", "half-open", "rose"]),
        ("a red-and-blue balloon", ["a", "red", "and", "blue", "balloon"]),
        ("a zero\u200bwidth space", ["a", "zerowidth", "space"]),
        ("火山 erupts", ["火山", "erupts"]),
        ("VOLCANO_ERUPTS!!!", ["volcano", "erupts"]),
        ("🌋", []),
    ],
)
def test_folds_words(prompt: str, words: list[str]) -> None:
    assert folded(prompt) == words


def test_keeps_words_as_they_were_written() -> None:
    assert [word.written for word in split("A CAFÉ’s light", whole).words] == ["A", "CAFÉ's", "light"]


def test_punctuation_parts_clauses() -> None:
    text = split("a city, then night", whole)
    assert text.together(0, 1)
    assert not text.together(1, 2)
    assert text.together(2, 3)


def test_of_phrases_that_begin_alike_the_longest_is_found_and_small_verbs_may_stand_within() -> None:
    phrases = Phrases([("sun", "it"), ("sun sets", "evening"), ("sun setting", "evening")])
    assert [meaning for _, meaning in phrases.find(split("the sun is slowly setting, the sun", whole))] == ["evening", "it"]


def test_forms_of_verbs() -> None:
    assert forms("erupt") == ("erupt", "erupts", "erupting", "erupted")
    assert forms("go up") == ("go up", "goes up", "going up", "went up")
    assert forms("sun set*") == ("sun set", "sun sets", "sun setting")
    assert forms("close") == ("close", "closes", "closing", "closed")


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ("vulcano", "volcano"),
        ("ballon", "balloon"),
        ("nigth", "night"),
        ("sumer", "summer"),
        ("autum", "autumn"),
        ("wniter", "winter"),
        ("submraine", "submarine"),
        ("tulp", "tulip"),
        ("openss", "opens"),
        ("yelow", "yellow"),
    ],
)
def test_knows_a_slip_of_the_keyboard(slip: str, right: str) -> None:
    assert meant(slip) == right


@pytest.mark.parametrize(
    "word",
    [
        "rain",
        "coat",
        "lower",
        "horse",
        "stove",
        "storm",
        "plane",
        "sandy",
        "rocky",
        "party",
        "dust",
        "death",
        "lamp",
        "knight",
        "stream",
    ],
)
def test_takes_no_english_word_for_a_slip(word: str) -> None:
    assert meant(word) is None


def test_names_every_slip() -> None:
    with pytest.raises(SpecError) as error:
        read("a lanscape from winter to sumer")
    assert "Did you mean 'landscape'?" in error.value.message
    assert "Did you mean 'summer'?" in error.value.message


def test_small_words_are_no_words_of_the_world() -> None:
    assert not known_words() & SMALL


@pytest.mark.parametrize(
    ("prompt", "family", "colours"),
    [
        ("a red and a blue balloon", "balloon", ["red", "blue"]),
        ("a flower that turns from red to yellow", "flower", ["red", "yellow"]),
        ("a pink sky over a red balloon", "balloon", ["red"]),
        ("a yellow submarine with a red light", "submarine", ["yellow"]),
        ("the train is green, the fields are yellow", "train", ["green"]),
        ("a crimson rose", "flower", ["red"]),
        ("a red volcano", "volcano", []),
    ],
)
def test_finds_the_colours_of_the_subject(prompt: str, family: str, colours: list[str]) -> None:
    assert list(own_colours(families()[family], split(prompt, whole))) == colours


@pytest.mark.parametrize(
    ("prompt", "scenes"),
    [
        ("Vesuvius erupts", ["volcano"]),
        ("a village on a winter night", ["landscape"]),
        ("a train from the town to the sea", ["train"]),
        ("a mountain village", ["landscape"]),
        ("a city and a volcano", ["city", "volcano"]),
        ("bud to bloom", ["flower"]),
        ("a rocket to the moon", []),
        ("a lava lamp", []),
        ("a sea of people", []),
        ("clouds and stars", []),
    ],
)
def test_chooses_scenes_by_nouns_and_verbs(prompt: str, scenes: list[str]) -> None:
    found = [one.family.name for one in choose(split(prompt, whole))]
    assert found[: len(scenes)] == scenes
    assert bool(found) == bool(scenes)


def test_knows_a_stranger_in_a_sentence() -> None:
    assert foreign_subject(split("a plane takes off", whole)) == 1
    assert foreign_subject(split("a winter coat on a hanger", whole)) == 2
    assert foreign_subject(split("a cosy volcano erupts", whole)) is None
    assert foreign_subject(split("from dusk till dawn", whole)) is None


def test_a_word_of_one_family_is_an_event_of_it_alone() -> None:
    assert [key for _, key in language("flower").events.find(split("lava", whole))] == []


@pytest.mark.parametrize(
    ("prompt", "warning"),
    [
        ("a volcano erupts", None),
        (
            "a volcano with a robot",
            "the prompt is half read: 1 of 2 words (50 %) played a part; unknown to the embedded world: 'robot'",
        ),
        ("a red and a blue balloon rise", "the balloon has one colour, red, and is not 'blue'"),
        ("three red balloons rise", "'three' cannot be counted out: there is one balloon, and what it does happens once"),
        ("a city at night and a beach", "a clip shows one scene, and 'beach' is left out"),
        ("a summer night at the beach", "known, but not used: 'summer'"),
    ],
)
def test_tells_in_one_line_what_was_not_read(prompt: str, warning: str | None) -> None:
    assert write(prompt).warnings == ((warning,) if warning else ())


@pytest.mark.parametrize("prompt", ["volcano " * 1001, "x" * 20_001, "a-" * 10_001])
def test_refuses_a_prompt_that_is_too_long(prompt: str) -> None:
    with pytest.raises(SpecError, match="the prompt has"):
        read(prompt)
