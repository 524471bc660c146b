"""The part ``states``: what may be written, and that any synopsis can be written back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.spec.composition import Composer
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.synopsis.states import States, StatesOptions, to_options

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).map(str.strip).filter(bool)
MOMENTS = st.none() | st.integers(0, 500) | st.sampled_from(["2.5s", "40%", "100%"])
SYNOPSES = st.builds(
    Synopsis,
    states=st.lists(st.builds(State, TEXT, MOMENTS), min_size=1, max_size=9).map(tuple),
    style=st.just("") | TEXT,
    negative_prompt=st.none() | st.just("") | TEXT,
)


def refused(**options):
    with pytest.raises(ValidationError) as caught:
        StatesOptions.model_validate(options)
    first = caught.value.errors()[0]
    return ".".join(str(item) for item in first["loc"]), first["msg"]


def test_states_are_captions_or_mappings(brief):
    options = StatesOptions.model_validate(
        {"states": ["an oak in snow", {"caption": "an oak in sun", "at": "40%"}], "style": "ink", "negative_prompt": "people"}
    )
    synopsis = States(options).write(brief(""))
    assert synopsis == Synopsis((State("an oak in snow"), State("an oak in sun", "40%")), "ink", "people")
    assert synopsis.prompts() == ("an oak in snow, ink", "an oak in sun, ink")


def test_it_needs_no_network():
    assert States.offline


@pytest.mark.parametrize(
    ("states", "where", "words"),
    [
        ([], "states", "write at least one caption"),
        ([""], "states.0.caption", "an empty caption: describe what this state shows"),
        (["an oak", {"caption": " \n"}], "states.1.caption", "an empty caption"),
        ([{"at": 3}], "states.0.caption", "Field required"),
        ([{"caption": "an oak", "at": "soon"}], "states.0.at", "must be frames"),
        ([{"caption": "an oak", "when": 3}], "states.0.when", "Extra inputs"),
        (["x" * 1001], "states.0.caption", "at most 1000 characters"),
        ([3], "states.0", "a state is a caption, or a mapping of caption and at"),
        ("an oak", "states", "list"),
    ],
)
def test_what_is_refused_and_where(states, where, words):
    path, message = refused(states=states)
    assert path == where
    assert words in message


@settings(deadline=None)
@given(SYNOPSES)
def test_any_synopsis_can_be_written_back(synopsis):
    written = to_options(synopsis)
    assert written.pop("use") == "states"
    brief = None  # what is written out asks nothing of the run
    assert States(StatesOptions.model_validate(written)).write(brief) == synopsis  # pyright: ignore[reportArgumentType]


def test_what_is_left_out_stays_out():
    assert to_options(Synopsis((State("an oak"),))) == {"use": "states", "states": ["an oak"]}


def test_the_schema_offers_both_ways_to_write_a_state():
    states = StatesOptions.model_json_schema()["properties"]["states"]
    assert {choice.get("type", "StateOptions") for choice in states["items"]["anyOf"]} == {"string", "StateOptions"}


def test_both_writers_are_in_the_catalog_and_compose():
    catalog = built_in_catalog()
    spec = Composer(catalog).run_spec()
    written = spec.model_validate({"prompt": "an oak", "synopsis": {"use": "states", "states": ["an oak"]}})
    assert isinstance(catalog.make("synopses", written.synopsis), States)
    asked = spec.model_validate({"prompt": "an oak", "synopsis": {"use": "llm"}})
    writer = catalog.make("synopses", asked.synopsis)
    assert not writer.offline
    assert asked.synopsis.model_dump()["backend"]["use"] == "anthropic"
