"""What a spec expects: how it is read, what is refused, and when it is so."""

from __future__ import annotations

import pytest
from jsonschema import Draft7Validator

from vstar_sdk import Options, SpecError, hookimpl, load_spec
from vstar_sdk.plugin import discovery
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.expectations import Expectation, expectations, written
from vstar_sdk.spec.loading import load_document
from vstar_sdk.spec.schema import schema_of


@pytest.mark.parametrize(
    ("text", "value", "kept"),
    [
        ("a<1", 1, False),
        ("a<=1", 1, True),
        ("a>1", 1, False),
        ("a >= 1", 1, True),
        ("a<-1e-3", -1, True),
        ("x/a>.0", 0.1, True),
        ("a is false", 0, True),
        ("a is false", 0.01, False),
        ("a is true", 0.01, True),
        ("a is true", 0, False),
    ],
)
def test_relations(text, value, kept):
    one = Expectation.read(text)
    assert one.kept(value) is kept
    assert Expectation.read(str(one)) == one
    assert expectations(written([one])) == [one]


def test_a_key_may_have_several_bounds_and_all_count():
    bounds = expectations({"seam": " > 0.5,<3 ", "frozen": False})
    assert [str(one) for one in bounds] == ["seam > 0.5", "seam < 3", "frozen is false"]
    assert expectations(written(bounds)) == bounds


@pytest.fixture(scope="module")
def schema():
    return Draft7Validator(schema_of(discovery.built_in_catalog()))


GOOD = ['{order: ">= 0.9", frozen: false}', '{seam: "> 0.5, < 3"}', '{acme/detail: "> 1e-3"}', "{}", "{scene: '>=1'}"]
BAD = [
    ("[order]", "expect: must be a mapping"),
    ("{order: 0.9}", "expect.order: must be true, false, or a bound in quotes, such as '>= 0.9'"),
    ("{order: 1}", "expect.order: must be true, false, or a bound"),
    ("{order: yes}", "expect.order: must be true, false, or a bound"),
    ('{order: "0.9"}', "must be true, false, or a bound"),
    ('{order: "= 0.9"}', "must be true, false, or a bound"),
    ('{order: "> 0.9 < 1"}', "must be true, false, or a bound"),
    ('{order: "> nan"}', "must be true, false, or a bound"),
    ("{Order: true}", "the key 'Order' is no name of a number"),
    ('{order: ""}', "must be true, false, or a bound"),
    (f'{{order: "{">1," * 70}>1"}}', "must be true, false, or a bound"),
    ("{" + ", ".join(f"n{i}: true" for i in range(65)) + "}", "expect: must have at most 64 keys"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_is_right_is_so_for_the_schema_too(schema, text):
    data = parse(f"prompt: a volcano\nexpect: {text}").data
    load_document(parse(f"prompt: a volcano\nexpect: {text}"))
    assert list(schema.iter_errors(data)) == []


@pytest.mark.parametrize(("text", "words"), BAD, ids=[text[:20] for text, _ in BAD])
def test_what_is_wrong_is_so_for_the_schema_too(schema, text, words):
    document = parse(f"prompt: a volcano\nexpect: {text}")
    with pytest.raises(SpecError) as refused:
        load_document(document)
    assert words in refused.value.message
    assert list(schema.iter_errors(document.data))


def test_a_bound_without_end_is_refused_though_the_schema_cannot_say_it():
    with pytest.raises(SpecError, match=r"expect\.order: must be"):
        load_spec({"prompt": "a volcano", "expect": {"order": "< 1e999"}})


@pytest.mark.parametrize("text", ["expect:\n  order: >= 0.9", "expect: {order: >= 0.9}", "expect:\n  order: > 0.9"])
def test_a_bound_without_quotes_gets_a_hint(text):
    with pytest.raises(SpecError) as refused:
        parse(f"prompt: a volcano\n{text}\n")
    assert refused.value.hint == "put quotes around a text that begins with > or |: '>= 0.9'"


def test_an_editor_is_told_the_numbers(schema):
    known = schema.schema["properties"]["expect"]["properties"]
    assert {"order", "stage_error", "seam", "seam_at", "frozen"} <= {*known}
    assert known["frozen"]["description"].startswith("The share of frames")


class Strict(Options):
    """An option that must be written."""

    side: int


class Plugin:
    namespace = "kit"

    @hookimpl
    def register_metrics(self, register):
        register("sharp", options=Options, factory=lambda options: Numbers("detail", "edges"), summary="Sharp.")
        register("sized", options=Strict, factory=lambda options: Numbers("size"), summary="Sized.")


class Numbers:
    def __init__(self, *numbers):
        self.numbers = numbers

    def begin(self, clip):
        pass

    def add(self, frame):
        pass

    def result(self):
        return dict.fromkeys(self.numbers, 1.0)


def chosen(expect, metrics=()):
    spec = {"prompt": "a volcano", "metrics": list(metrics), "expect": expect}
    return [(one.use, one.path) for one in metrics_of(load_spec(spec, plugins=[Plugin()]))]


def test_what_is_expected_is_measured_once_by_the_metric_that_is_there_or_by_another_with_its_defaults():
    assert chosen({"order": ">0", "scene": ">0", "kit/edges": ">0"}, [{"use": "seam"}]) == [
        ("seam", ("metrics", 0)),
        ("miniworld", ("expect", "order")),
        ("kit/sharp", ("expect", "kit/edges")),
    ]
    assert chosen({"frozen": False}, [{"use": "frozen", "threshold": 0.5}]) == [("frozen", ("metrics", 0))]
    assert chosen({"kit/size": ">0"}, [{"use": "kit/sized", "side": 3}]) == [("kit/sized", ("metrics", 0))]


@pytest.mark.parametrize(
    ("number", "words", "hint"),
    [
        ("ordre", "no metric measures 'ordre'. Did you mean 'order'?", None),
        ("miniworld", "'miniworld' is a metric, and measures stage_error, order, moved, scene", "expect one of these"),
        ("kit/edgs", "no metric measures 'kit/edgs'. Did you mean 'kit/edges'?", "if kit/sized does, write it under metrics"),
        ("kit/size", "no metric measures 'kit/size'.", "if kit/sized does, write it under metrics, with its options"),
        ("nobody/size", "no installed package brings the namespace 'nobody'", None),
    ],
)
def test_what_no_metric_measures_is_an_error(number, words, hint):
    with pytest.raises(SpecError) as refused:
        chosen({number: ">0"})
    assert words in refused.value.message
    assert (hint is None) == (refused.value.hint is None)
    assert (hint or "") in (refused.value.hint or "")
    assert refused.value.path == ("expect", number)
