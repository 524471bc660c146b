"""The reader and the writer of the embedded world."""

import re
import subprocess
import sys

import pytest

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import (
    CAMERAS,
    Family,
    between_caption,
    change_captions,
    corpus,
    families,
    key_captions,
    vocabulary,
)
from vstar_sdk.miniworld.writer import Reading, read, write


def captions(prompt: str, states: int | None = None) -> list[str]:
    return [state.caption for state in write(prompt, states).states]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a landscape from winter to autumn", Reading("landscape", 0.0, 0.75, "", "still", ())),
        ("A volcano wakes up.", Reading("volcano", 0.0, 2 / 3, "", "still", ())),
        ("sunset over the beach turning into night", Reading("beach", 0.5, 0.75, "", "still", ())),
        ("a red flower opens", Reading("flower", 0.0, 1.0, "red", "still", ())),
        ("the sun sets over a city", Reading("city", 0.0, 1.0, "", "still", ())),
        ("a blue balloon lands", Reading("balloon", 1.0, 0.0, "blue", "still", ())),
        ("a yellow submarine dives", Reading("submarine", 0.0, 1.0, "yellow", "still", ())),
        ("a train ride from the town to the sea", Reading("train", 0.0, 1.0, "", "still", ())),
        ("from a winter morning to a golden autumn", Reading("landscape", 0.0, 0.75, "", "still", (), ("morning", "golden"))),
        ("the camera pans right over a city at dusk", Reading("city", 0.5, 0.5, "", "right", ())),
        ("a flower wilts", Reading("flower", 1.0, 0.0, "", "still", ())),
        ("white clouds around a red balloon", Reading("balloon", 2 / 3, 2 / 3, "red", "still", (), ("white",))),
        ("a pink sky over a red balloon in the clouds", Reading("balloon", 2 / 3, 2 / 3, "red", "still", (), ("pink",))),
        ("night comes to the city", Reading("city", 0.0, 1.0, "", "still", ())),
        ("spring comes to the valley", Reading("landscape", 0.0, 0.25, "", "still", ())),
        ("the sun comes up over the city", Reading("city", 1.0, 0.0, "", "still", ())),
        ("a volcano wakes up, erupts and falls asleep again", Reading("volcano", 0.0, 1.0, "", "still", ())),
        ("a submarine dives to the reef", Reading("submarine", 0.0, 0.5, "", "still", ())),
        ("a beach from noon to night, the moon rises", Reading("beach", 0.25, 0.75, "", "still", ())),
        ("a balloon drifts over green hills", Reading("balloon", 1 / 3, 1 / 3, "", "still", (), ("drifts", "green"))),
        ("a submarine with a red light dives", Reading("submarine", 0.0, 1.0, "", "still", (), ("red", "light"))),
        ("a red hot air balloon takes off", Reading("balloon", 0.0, 1.0, "red", "still", ())),
        ("a flower of deep red opens", Reading("flower", 0.0, 1.0, "red", "still", (), ("deep",))),
        ("a landscape that does not change, in summer", Reading("landscape", 0.5, 0.5, "", "still", ())),
        ("winter turns into summer", Reading("landscape", 0.0, 0.5, "", "still", ())),
        ("a beach at night", Reading("beach", 0.75, 0.75, "", "still", ())),
        ("a landscape, the camera pans left", Reading("landscape", 0.0, 0.75, "", "left", ())),
        ("a city from night to day", Reading("city", 1.0, 0.0, "", "still", ())),
        ("a cosy village through the year", Reading("landscape", 0.0, 0.75, "", "still", ("cosy",))),
    ],
)
def test_reads_free_prompts(prompt: str, expected: Reading) -> None:
    assert read(prompt) == expected


def test_time_runs_forward_in_a_cyclic_family() -> None:
    reading = read("a landscape from autumn to spring")
    assert (reading.start, reading.end) == (0.75, 1.25)
    assert captions("a landscape from autumn to spring") == [
        "a landscape in autumn, orange leaves cover the trees",
        "a landscape in winter, white snow covers the hills",
        "a landscape in spring, pink blossom covers the trees",
    ]


def test_writes_the_key_stages_that_a_prompt_passes() -> None:
    assert captions("a landscape from winter to autumn") == [
        "a landscape in winter, white snow covers the hills",
        "a landscape in spring, pink blossom covers the trees",
        "a landscape in summer, green leaves cover the trees",
        "a landscape in autumn, orange leaves cover the trees",
    ]


def test_writes_stages_between_keys_when_more_states_are_asked_for() -> None:
    assert captions("a landscape from winter to spring", 3) == [
        "a landscape in winter, white snow covers the hills",
        "a landscape between winter and spring",
        "a landscape in spring, pink blossom covers the trees",
    ]


def test_repeats_camera_and_colour_in_every_state() -> None:
    assert all(caption.endswith(", the camera pans right") for caption in captions("a beach, the camera pans right"))
    assert all("purple flower" in caption for caption in captions("a purple flower opens"))


@pytest.mark.parametrize("states", range(1, 10))
@pytest.mark.parametrize("prompt", ["a landscape from winter to winter", "a volcano", "an orange balloon", "a city"])
def test_only_says_captions_of_the_training_corpus(prompt: str, states: int) -> None:
    said = captions(prompt, states)
    assert len(said) == states
    assert set(said) <= set(corpus())


@pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)
def test_reads_every_caption_back(family: Family) -> None:
    cameras = CAMERAS if family.pans else CAMERAS[:1]
    for colour in family.colours or ("",):
        for camera in cameras:
            for key in family.keys:
                for caption in key_captions(family, key, colour, camera):
                    reading = read(caption)
                    said = (reading.family, reading.start, reading.end, reading.colour, reading.camera)
                    assert said == (family.name, key.at, key.at, colour, camera), caption
                    assert not reading.unknown, caption


@pytest.mark.parametrize("family", families().values(), ids=lambda family: family.name)
def test_reads_every_change_back(family: Family) -> None:
    colour = family.colours[0] if family.colours else ""
    for first in family.keys:
        for last in family.keys:
            if first is last:
                continue
            end = last.at + 1 if family.cyclic and last.at < first.at else last.at
            for caption in change_captions(family, first, last, colour):
                reading = read(caption)
                assert (reading.family, reading.start, reading.end) == (family.name, first.at, end), caption


def test_families_are_built_alike() -> None:
    for family in families().values():
        assert [key.at for key in family.keys] == sorted({key.at for key in family.keys})
        assert len({len(key.captions) for key in family.keys}) == 1
        assert between_caption(family, family.keys[0], family.keys[1]) != ""


@pytest.mark.parametrize(
    ("prompt", "message", "hint"),
    [
        ("a dog in space", "'a dog in space'", "landscape: winter, spring, summer, autumn"),
        ("a volcanoo", "Did you mean 'volcano'?", "volcano: calm"),
        ("a rocket to the moon", "the embedded model does not know 'rocket'", "use a larger model"),
        ("the moon", "no known scene in 'the moon': 'moon' is a stage of beach and city", "use a larger model"),
        ("two cats", "the embedded model does not know 'cats'", "use a larger model"),
        ("a volcano that is not erupting", "'not' cannot be read", "what is to be seen instead"),
        ("a rose blooms and withers", "goes there and back", "write the states out"),
        ("a city from night to day to night", "goes there and back", "write the states out"),
        ("a landscape from winter to autum", "Did you mean 'autumn'?", "winter, spring, summer, autumn"),
        ("a city from day to lava", "'lava' is no stage of a city", "day, dusk, night"),
        ("a green flower opens", "cannot be green", "red, orange, yellow"),
        ("a volcano, the camera pans left", "cannot pan over a volcano", "landscape"),
        ("  42 ", "no words", "The embedded model knows"),
    ],
)
def test_says_what_it_cannot_read(prompt: str, message: str, hint: str) -> None:
    with pytest.raises(SpecError) as error:
        read(prompt)
    assert message in str(error.value)
    assert hint in (error.value.hint or "")


def test_names_the_words_that_played_no_part() -> None:
    assert write("a volcano wakes up").warnings == ()
    (warning,) = write("a cosy volcano with dragons").warnings
    assert "'cosy', 'dragons'" in warning


def test_knows_every_word_that_it_writes() -> None:
    for line in corpus():
        assert set(re.findall(r"[^\W_]+(?:['-][^\W_]+)*", line)) <= vocabulary()


def test_refuses_a_synopsis_without_states() -> None:
    with pytest.raises(SpecError, match="at least one state"):
        write("a volcano", 0)


def test_imports_without_numpy_and_torch() -> None:
    code = "import sys, vstar_sdk.miniworld.writer as w; w.write('a volcano'); print({'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
