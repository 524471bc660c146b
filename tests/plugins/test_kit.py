"""The kit for authors finds what is wrong."""

from __future__ import annotations

import pytest

from vstar_sdk import ArtifactOptions, Bias, RegularizerOptions, hookimpl
from vstar_sdk.testing.exporters import check_exporter
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin
from vstar_sdk.testing.regularizers import check_regularizer


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
        (Scribbler, AssertionError, "changes the frames"),
        (Unready, AttributeError, "file"),
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
