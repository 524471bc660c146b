"""The kit for authors finds what is wrong."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from pydantic import BaseModel, ConfigDict

from vstar_sdk import (
    ArtifactOptions,
    Bias,
    MissingDependency,
    Moment,
    Options,
    PluginError,
    RegularizerOptions,
    Rotary,
    Scale,
    SegmentBias,
    Wrap,
    hookimpl,
    run,
)
from vstar_sdk.options import Address
from vstar_sdk.runs.models import Models
from vstar_sdk.testing.exporters import check_exporter
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin
from vstar_sdk.testing.regularizers import attend, check_regularizer


class Regularizer:
    def __init__(self, fn):
        self.options, self.fn = RegularizerOptions(), fn

    def operations(self, site):
        return [Bias(self.fn)]


def test_a_regularizer_without_effect_is_told():
    with pytest.raises(AssertionError, match="change nothing at any site"):
        check_regularizer(Regularizer(lambda distance: 0 * distance))


def test_a_regularizer_that_answers_by_chance_is_told():
    answers = iter(range(1, 1000))
    with pytest.raises(AssertionError, match="asked again, it gave other operations"):
        check_regularizer(Regularizer(lambda distance: -distance.abs() * next(answers)))


def test_attention_with_regularizers_is_that_of_a_run():
    query, key, value = torch.randn(3, 4, 2, 6, 4, generator=torch.Generator().manual_seed(0))
    place = torch.arange(6.0)
    logits = query @ key.mT / 2 - (place[:, None] - place).abs()
    out = attend([Regularizer(lambda distance: -distance.abs())], query, key, value)
    torch.testing.assert_close(out, logits.softmax(-1) @ value)
    assert torch.equal(attend([], query, key, value), torch.nn.functional.scaled_dot_product_attention(query, key, value))


def test_a_wrap_under_test_is_told_of_the_call():
    class Asking(Regularizer):
        def operations(self, site) -> Any:
            return [Wrap(lambda call_next, *given: told.append(given[-1]) or call_next(*given[:-1]))]

    told = []
    query = torch.zeros(12, 2, 5, 4)
    attend([Asking(None)], query, query, query, branches=(False, True), height=2, width=3, moment=Moment(3, 4, 7.0))
    (call,) = told
    assert (call.branches, call.height, call.width, call.moment) == ((False, True), 2, 3, Moment(3, 4, 7.0))


class _Told(Options):
    """A server of our own."""

    url: str
    """Where it is."""
    kept: list[str] = []  # noqa: RUF012
    """Words."""


class _Marked(_Told):
    """One that says what it reaches."""

    url: Address
    """Where it is."""


@pytest.mark.parametrize(("options", "told"), [(_Told, True), (_Marked, False)])
def test_an_option_that_looks_like_an_address_and_is_plain_text_is_told(options, told):
    class Source:
        @hookimpl
        def register_metrics(self, register):
            register("asking", options=options, factory=lambda options: options, summary="Asks.")

    if told:
        with pytest.raises(AssertionError, match=r"plugin/asking: url looks like a path, .*Address"):
            check_plugin(Source())
    else:
        check_plugin(Source())


class Forgetful(Regularizer):
    """A memory that is shared by all runs, or that answers by its own clock."""

    answers = iter([0.0] * 1000)

    def __init__(self, memory):
        super().__init__(lambda distance: -distance.abs())
        self.memory = memory

    def watches(self, site):
        return (0.0, 1.0)

    def begin(self, sites, steps):
        return self.memory()

    def observe(self, site, moment, attention): ...

    def strength(self, site, moment):
        return next(self.answers)


def test_memories_that_saw_the_same_and_say_another_are_told():
    part = Forgetful(lambda: part)
    with pytest.raises(AssertionError, match="begin gives the same memory for two runs"):
        check_regularizer(part)
    clock = iter([float(one) for one in range(1000)])

    def fresh():
        made = Forgetful(None)
        made.answers = clock
        return made

    with pytest.raises(AssertionError, match="memories that saw the same give other strengths"):
        check_regularizer(Forgetful(fresh))


class Exporter:
    path = "frames.bin"

    def open(self, target, clip):
        self.file = target.open("wb")

    def write(self, frame):
        self.file.write(frame.tobytes())

    def close(self):
        self.file.close()

    def abort(self):
        if hasattr(self, "file"):
            self.file.close()


class Scribbler(Exporter):
    def write(self, frame):
        frame[0] = 0


class Unready(Exporter):
    def abort(self):
        self.file.close()


class Litterer(Exporter):
    def open(self, target, clip):
        super().open(target, clip)
        target.with_name("notes.txt").write_text("mine")


def test_an_exporter_that_is_well(tmp_path):
    assert check_exporter(Exporter, tmp_path).stat().st_size == 6 * 48 * 64 * 3


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (Scribbler, PluginError, r"failed in write\(\): ValueError: .*read-only"),
        (Unready, PluginError, r"failed in abort\(\): AttributeError: .*file"),
        (Litterer, AssertionError, "leaves notes.txt"),
    ],
)
def test_an_exporter_with_a_fault_is_told(tmp_path, make, error, words):
    with pytest.raises(error, match=words):
        check_exporter(make, tmp_path)


def test_an_option_without_a_description_is_told():
    class Bare(ArtifactOptions):
        path: str = "x"
        """Name of the file."""
        loud: bool = False

    class Plugin:
        @hookimpl
        def register_exporters(self, register):
            register("bare", options=Bare, factory=Exporter, summary="Bare.")

    with pytest.raises(AssertionError, match="plugin/bare: loud has no description"):
        check_plugin(Plugin())


def test_private_imports_are_found_in_every_form(tmp_path):
    (tmp_path / "plugin.py").write_text(
        "import vstar_sdk.spec.loading\n"
        "from vstar_sdk.attention.operations import Bias\n"
        "from vstar_sdk import attention, Mix\n"
        "from vstar_sdk.options import _moment, Duration\n"
        "factory = 'vstar_sdk.output.mp4:Mp4'\n"
        "from vstar_sdk.testing.plugins import check_plugin\n"
    )
    assert private_imports(tmp_path) == [
        "plugin.py:1: vstar_sdk.spec.loading",
        "plugin.py:2: vstar_sdk.attention.operations.Bias",
        "plugin.py:3: vstar_sdk.attention",
        "plugin.py:4: vstar_sdk.options._moment",
        "plugin.py:5: vstar_sdk.output.mp4:Mp4",
    ]


class Leftover(Exporter):
    target = None

    def open(self, target, clip):
        super().open(target, clip)
        self.target = target

    def abort(self):
        super().abort()
        if self.target is not None:
            self.target.with_name("left.txt").write_text("")


def test_an_exporter_that_leaves_files_when_it_is_interrupted_is_told(tmp_path):
    with pytest.raises(AssertionError, match=r"interrupted run it leaves left\.txt"):
        check_exporter(Leftover, tmp_path)


def test_a_regularizer_whose_output_is_not_finite_is_told():
    class Hot:
        options = RegularizerOptions()

        def operations(self, site):
            return [Scale(q=1e30, k=1e30)]

    with pytest.raises(AssertionError, match="not finite"):
        check_regularizer(Hot())


def test_a_plugin_that_loads_a_heavy_package_is_told(tmp_path, monkeypatch):
    (tmp_path / "heavy_plugin.py").write_text("import torch\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match="importing heavy_plugin loads torch"):
        check_plugin(importlib.import_module("heavy_plugin"))


def test_a_template_with_a_fault_is_told(tmp_path):
    (tmp_path / "bad.jinja").write_text(
        "---\nname: bad\nversion: 1\ninputs: [prompt, frames]\n---\n"
        "{% block system %}.{% endblock %}{% block user %}{{ prompt | tojson }}{% endblock %}\n"
    )

    class Plugin:
        @hookimpl
        def register_templates(self, register):
            register("bad", tmp_path / "bad.jinja")

    with pytest.raises(AssertionError, match=r"template plugin/bad: .*declared and never used"):
        check_plugin(Plugin())


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth: int = 0


class Nested(RegularizerOptions):
    inner: Inner = Inner()
    """Said."""


@pytest.mark.parametrize(
    ("options", "factory", "summary", "words"),
    [
        (RegularizerOptions, "no_such.part:Part", "One.", "no_such"),
        (RegularizerOptions, "json:loads", " ", "has no summary"),
        (Nested, "json:loads", "One.", "depth has no description"),
    ],
)
def test_a_part_with_a_fault_is_told(options, factory, summary, words):
    class Plugin:
        @hookimpl
        def register_regularizers(self, register):
            register("part", options=options, factory=factory, summary=summary)

    with pytest.raises((AssertionError, MissingDependency), match=words):
        check_plugin(Plugin())


class There(Regularizer):
    """Acts at one kind of site besides the factorised ones."""

    def __init__(self, kind, operation):
        super().__init__(lambda distance: -distance.abs())
        self.kind, self.operation = kind, operation

    def operations(self, site) -> Any:
        return super().operations(site) if site.kind == "factorised" else [self.operation] if site.kind == self.kind else []


@pytest.mark.parametrize(
    ("kind", "operation", "said"),
    [
        ("factorised", Bias(lambda distance: distance[0]), r"its bias at transformer_in is \(2,\)"),
        ("joint", Bias(lambda distance: distance[0]), r"its bias at blocks\.0 is \(2,\); it must be a tensor of shape \(2, 2\)"),
        ("joint", Scale(q=(1.0, 2.0, 3.0)), r"its scale at blocks\.0 is \(1\.0, 2\.0, 3\.0\)"),
        ("joint", Rotary(lambda positions, frequencies: positions), r"its rotary at blocks\.0 is \(2,\)"),
        ("cross", SegmentBias(lambda positions, spans: positions), r"its segmentbias at blocks\.0\.text is \(2,\)"),
    ],
)
def test_a_value_of_the_wrong_shape_is_found_at_every_kind_of_site(kind, operation, said):
    part = There(kind, operation)
    if kind == "factorised":
        part.fn = operation.fn
    with pytest.raises(PluginError, match=said):
        check_regularizer(part)


def test_a_regularizer_that_is_well_at_every_kind_of_site():
    for kind, operation in {
        "joint": Bias(lambda distance: -distance.abs()),
        "cross": SegmentBias(lambda positions, spans: (positions[:, None] - spans[:, 0]).abs()),
    }.items():
        check_regularizer(There(kind, operation))
    # One that is refused at joint sites is not for such models.
    check_regularizer(There("joint", Wrap(lambda call_next, *given: call_next(*given[:-1]))))


def test_a_run_finds_it_before_the_model_is_loaded(monkeypatch):
    class Plugin:
        namespace = "acme"

        @hookimpl
        def register_regularizers(self, register):
            register("flat", options=RegularizerOptions, factory=lambda options: Regularizer(lambda d: d[0]), summary="Flat.")

    def never(self, plan):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(Models, "get", never)
    with pytest.raises(PluginError, match="must be a tensor of shape"):
        run({"prompt": "a volcano wakes up", "frames": 4, "regularizers": ["acme/flat"]}, plugins=[Plugin()])
