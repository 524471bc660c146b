"""Names alone in the places of parts: in specs, under --set, in the file of defaults, and for attach."""

from __future__ import annotations

import pytest

from vstar_sdk.attaching.arguments import read
from vstar_sdk.options import Options
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.spec.defaults import beneath
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import load_document, load_spec
from vstar_sdk.spec.mentions import mentions
from vstar_sdk.spec.names import written_out
from vstar_sdk.spec.overrides import overridden

ALONE = {
    "model": "miniworld",
    "synopsis": "none",
    "regularizers": ["alibi", {"use": "tar"}],
    "sampling": {"noise": "gaussian", "sampler": "single", "scheduler": "euler", "guidance": "apg"},
    "finish": ["upscale"],
    "metrics": ["flicker"],
    "output": ["gif"],
}

WRITTEN = {
    "model": {"use": "miniworld"},
    "synopsis": {"use": "none"},
    "regularizers": [{"use": "alibi"}, {"use": "tar"}],
    "sampling": {"noise": {"use": "gaussian"}, "sampler": {"use": "single"}, "scheduler": "euler", "guidance": "apg"},
    "finish": [{"use": "upscale"}],
    "metrics": [{"use": "flicker"}],
    "output": [{"use": "gif"}],
}


def test_a_name_alone_is_its_part_with_defaults():
    alone, written = (load_spec({"prompt": "a beach", **spec}).spec for spec in (ALONE, WRITTEN))
    assert alone.model_dump() == written.model_dump()
    assert isinstance(alone.model, Options)
    assert [part.part for part in alone.output] == ["gif"]


def test_names_are_written_out_and_nothing_else_changes():
    kept = {"prompt": "tar", "regularizers": "tar", "sampling": 3, "plugins": ["acme"], "start": {"from": "mp4"}}
    assert written_out(ALONE) == WRITTEN
    assert written_out(kept) == kept
    assert ALONE["model"] == "miniworld"


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.plain.form is None], ids=lambda kind: kind.name)
def test_the_plugin_of_a_name_alone_is_mentioned(kind):
    place = kind.place or kind.held
    assert place is not None
    *steps, last = place.removesuffix("[]").split(".")
    data = {last: ["acme/x"] if kind.many else "acme/x"}
    for step in reversed(steps):
        data = {step: data}
    assert list(mentions(data)) == ["acme"]


def test_an_option_is_set_below_a_name_alone():
    document = overridden(Document({"prompt": "a beach", **ALONE}), "regularizers[0].strength=0.5")
    document = overridden(document, "model.device=cpu")
    spec = load_document(document).spec
    assert spec.regularizers[0].model_dump(include={"use", "strength"}) == {"use": "alibi", "strength": 0.5}
    assert spec.model.model_dump(include={"use", "device"}) == {"use": "miniworld", "device": "cpu"}


def test_defaults_count_beneath_a_name_alone_and_may_be_one():
    defaults = Document({"model": {"device": "cpu"}, "synopsis": "none", "output": ["gif"]})
    spec = load_document(beneath(Document({"prompt": "a beach", "model": "miniworld"}), defaults)).spec
    assert spec.model.model_dump(include={"device"}) == {"device": "cpu"}
    assert (spec.synopsis.part, [part.part for part in spec.output]) == ("none", ["gif"])


def test_a_part_inside_a_part_may_be_a_name_alone():
    spec = load_spec({"prompt": "a beach", "synopsis": {"use": "llm", "backend": "anthropic"}}).spec
    assert getattr(spec.synopsis, "backend").part == "anthropic"  # noqa: B009


def test_attach_takes_names_alone():
    (one, other), *_ = read(["tar", {"use": "alibi"}], None, "linear", None, 8.0, [])
    assert [part.options.part for part in (one, other)] == ["tar", "alibi"]
