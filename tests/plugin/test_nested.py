"""Parts inside parts: alone, optional, in lists, tuples and mappings, and of their own kind."""

from __future__ import annotations

import json

import pytest

from vstar_sdk import Completion, Options, PluginError, SpecError, hookimpl, load_spec
from vstar_sdk.plugin.boundary.contract import Contained
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.nested import DEEPEST
from vstar_sdk.runs.participants import participants_record
from vstar_sdk.spec.schema import schema_of
from vstar_sdk.spec.writing import to_yaml
from vstar_sdk.testing.plugins import check_plugin

SOURCE = """
from typing import Annotated
from pydantic import Field
from vstar_sdk import Options, PartOf
Backend = Annotated[Options, PartOf("llm_backends")]
class Leaf(Options):
    '''A backend.'''
    word: str = "yes"
    '''What it answers.'''
class Fallback(Options):
    '''Backends that take turns.'''
    first: Backend
    '''The first.'''
    second: Backend | None = None
    '''The second.'''
    others: list[Backend] = Field(default=[], max_length=3)
    '''More.'''
    pair: tuple[Backend, Backend] | None = None
    '''Two.'''
    named: dict[str, Backend] = {}
    '''By name.'''
"""


def run(source):
    """The names of a module, without this one's way of reading annotations."""
    names = {}
    exec(compile(source, "acme", "exec", dont_inherit=True), names)  # noqa: S102
    return names


MODELS = run(SOURCE)


class Backend:
    def __init__(self, options, **inside):
        self.given, self.inside = options, inside

    def complete(self, request):
        return Completion(text=self.given.word, stop="end", model="m", input_tokens=0, output_tokens=0)

    def close(self): ...


class Acme:
    namespace = "acme"

    @hookimpl
    def register_llm_backends(self, register):
        register("leaf", options=MODELS["Leaf"], factory=Backend, summary="A leaf.")
        register("fallback", options=MODELS["Fallback"], factory=Backend, summary="Others in turn.")


LEAF = {"use": "acme/leaf"}


def load(backend):
    story = {"prompt": "a volcano wakes up", "frames": 4, "synopsis": {"use": "llm", "backend": backend}}
    return load_spec(story, plugins=[Acme()])


def chain(length):
    backend = LEAF
    for _ in range(length):
        backend = {"use": "acme/fallback", "first": backend}
    return backend


EVERY = {
    "use": "acme/fallback",
    "first": LEAF,
    "second": {"use": "acme/fallback", "first": {"use": "acme/leaf", "word": "inner"}},
    "others": [LEAF, LEAF],
    "pair": [LEAF, {"use": "acme/leaf", "word": "pair"}],
    "named": {"use": LEAF, "other": {"use": "acme/leaf", "word": "named"}},
}


def test_parts_are_made_in_every_shape_and_passed_by_name():
    loaded = load(EVERY)
    made = loaded.catalog.make("synopses", loaded.spec.synopsis)._backend
    assert isinstance(made, Contained)
    inside = made.inside
    assert inside["second"].inside["first"].given.word == "inner"
    assert [type(one).__name__ for one in inside["others"]] == ["Backend", "Backend"]
    assert inside["pair"][1].given.word == "pair"
    assert inside["named"]["other"].complete(None).text == "named"
    assert inside["second"].inside["second"] is None


def test_the_place_of_a_part_is_where_the_spec_has_it():
    loaded = load(EVERY)
    made = loaded.catalog.make("synopses", loaded.spec.synopsis)._backend
    made.inside["others"][1]._part.complete = lambda request: 3
    with pytest.raises(PluginError, match=r"synopsis\.backend\.others\[1\]: acme/leaf .* its complete\(\) returned an int"):
        made.inside["others"][1].complete(None)


def test_a_spec_with_nested_parts_is_written_and_read_again(tmp_path):
    loaded = load(EVERY)
    (tmp_path / "story.yaml").write_text(to_yaml(loaded.spec))
    again = load_spec(tmp_path / "story.yaml", plugins=[Acme()])
    assert again.spec.model_dump() == loaded.spec.model_dump()


def test_the_record_lists_the_parts_inside():
    (record,) = participants_record(load(EVERY))
    assert record["parts"] == ["acme/fallback", "acme/leaf"]


@pytest.mark.parametrize(
    ("where", "place", "words"),
    [
        ({"second": {"use": "acme/leaf", "wrd": 1}}, "second.wrd", "Did you mean 'word'"),
        ({"others": [LEAF, {"use": "acme/laef"}]}, "others[1].use", "Did you mean 'acme/leaf'"),
        ({"named": {"a": {"use": "acme/leaf", "wrd": 1}}}, "named.a.wrd", "Did you mean 'word'"),
        ({"pair": [LEAF, {"use": "acme/leaf", "word": 3}]}, "pair[1].word", "must be text"),
    ],
)
def test_errors_inside_have_their_place(where, place, words):
    with pytest.raises(SpecError) as caught:
        load({"use": "acme/fallback", "first": LEAF} | where)
    assert f"synopsis.backend.{place}: " in str(caught.value)
    assert words in str(caught.value)


def test_parts_nest_down_to_the_stated_depth_and_no_deeper():
    # The synopsis part holds the first backend, which is the first of the nested ones.
    loaded = load(chain(DEEPEST - 1))
    assert loaded.catalog.make("synopses", loaded.spec.synopsis)
    with pytest.raises(SpecError, match=f"parts are nested at most {DEEPEST} deep"):
        load(chain(DEEPEST))


def test_the_schema_has_parts_inside_parts():
    loaded = load(LEAF)
    text = json.dumps(schema_of(loaded.catalog))
    assert text.count("Others in turn.") >= DEEPEST - 1
    assert len(text) < 2_000_000


def offered(field, before=""):
    """A plugin whose option model has one field."""
    odd = f"class Odd(Options):\n    field: {field}\n    'A field.'\n"
    space = run(f"{SOURCE}\nimport collections.abc\n{before}\n{odd}")

    class Odds:
        @hookimpl
        def register_llm_backends(self, register):
            register("odd", options=space["Odd"], factory=Backend, summary="Odd.")

    return Odds()


INNER = "class Inner(Options):\n    held: Backend"


@pytest.mark.parametrize(
    ("field", "before", "words"),
    [
        ("set[Backend]", "", "in an unsupported type"),
        ("Backend | str", "", "in an unsupported type"),
        ("dict[int, Backend]", "", "in an unsupported type"),
        ("collections.abc.Sequence[Backend]", "", "in an unsupported type"),
        ("list[Inner]", INNER, "inside the model Inner, which is not supported"),
        ("Annotated[Options, PartOf('backends')]", "", "of kind 'backends', which does not exist"),
        ("Annotated[int, PartOf('llm_backends')]", "", "in an unsupported type"),
    ],
)
def test_other_shapes_are_refused_when_they_are_registered(field, before, words):
    with pytest.raises(PluginError, match=words):
        check_plugin(offered(field, before), "odd")


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.base is not Options])
def test_options_derive_from_the_base_of_their_kind(kind):
    def register(self, register):
        register("part", options=MODELS["Leaf"], factory=Backend, summary="A part.")

    register.__name__ = kind.hook
    source = type("Acme", (), {kind.hook: hookimpl(register)})()
    with pytest.raises(PluginError, match=rf"the option model Leaf must be a subclass of vstar_sdk\.{kind.base.__name__}"):
        check_plugin(source, "acme")
