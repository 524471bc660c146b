"""A plugin that ``vstar new plugin`` writes passes its own tests, is listed, and is used by a spec."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vstar_sdk import load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.cli.new_plugin import WORDS
from vstar_sdk.plugin.plugin import Plugin

ALL = [f"--{word}={name}" for word, name in zip(WORDS, ("lean", "light", "poet", "chat", "haiku", "far-tree"), strict=True)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["new", "plugin", *words])
    assert done.exit_code == code, done.output
    return done


def python(folder: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_of_every_kind_passes_its_own_tests_and_is_tidy(here):
    told = new("acme", *ALL)
    assert "pip install -e 'vstar-acme[test]'" in told.stdout
    assert "7 passed" in python(here / "vstar-acme", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    python(here / "vstar-acme", "-m", "ruff", "check", "--isolated", "--no-cache", "--select=E,F,I,UP", "--line-length=130", ".")


@pytest.mark.slow
@pytest.mark.parametrize("option", [[option] for option in ALL] + [[]])
def test_each_kind_alone_passes_its_own_tests(here, option):
    new("acme", *option)
    assert " passed" in python(here / "vstar-acme", "-m", "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.slow
def test_its_wheel_is_built_and_listed(here):
    new("acme-labs", "--regularizer", "far-frames")
    folder = here / "vstar-acme-labs"
    python(folder, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(here / "wheels"), str(folder))
    (wheel,) = (here / "wheels").glob("*.whl")
    python(folder, "-m", "pip", "install", "-q", "--no-deps", "--target", str(here / "site"), str(wheel))
    code = "from vstar_sdk.cli.main import cli; cli(['plugins', '--check'])"
    told = python(here / "site", "-c", code)
    assert "acme-labs" in told
    assert "regularizer acme-labs/far-frames" in told
    assert "healthy" in told


@pytest.mark.parametrize("name", ["Acme", "acme_labs", "", "-acme", "acme/x", "über"])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(here, name):
    assert "is no name: lower case letters" in new("--out", "there", "--", name, code=2).stderr
    assert not (here / "there").exists()


def test_what_exists_is_left_alone(here):
    (here / "vstar-acme").mkdir()
    assert "exists already" in new("acme", code=7).stderr
    assert not list((here / "vstar-acme").iterdir())


def test_one_that_cannot_be_written_to_its_end_leaves_nothing(here, monkeypatch):
    write = Path.write_text

    def full(path, *arguments, **named):
        if path.name == "README.md":
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    assert "No space left on device" in new("acme", "--out", "below/deep", code=7).stderr
    assert not list(here.iterdir())


def test_a_folder_without_a_name_is_refused():
    assert "the folder of the plugin has an empty name" in new("acme", "--out", "", code=7).stderr


def test_two_parts_of_one_kind_are_both_there_and_the_spec_of_the_readme_names_them(here, monkeypatch):
    new("acme", *(f"--{word}={word}-{which}" for word in WORDS for which in ("one", "two")))
    assert "12 passed" in python(here / "vstar-acme", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    monkeypatch.syspath_prepend(here / "vstar-acme")
    plugin = Plugin("acme", importlib.import_module("vstar_acme"), "vstar-acme 0.1")
    readme = (here / "vstar-acme" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    (here / "story.yaml").write_text(example, encoding="utf-8")
    spec = load_spec(here / "story.yaml", plugins=[plugin]).spec
    assert [part.part for part in spec.regularizers] == ["acme/regularizer-one", "acme/regularizer-two"]
    assert [part.part for part in spec.output] == ["mp4", "acme/exporter-one", "acme/exporter-two"]
    assert (spec.model.part, spec.synopsis.part) == ("acme/model-one", "acme/synopsis-one")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["vstar"], "the namespace 'vstar' is vstar-sdk's own"),
        (["sdk"], "the namespace 'sdk' is vstar-sdk's own"),
        (["acme", "--regularizer", "class"], "'class' is a word of Python"),
        (["acme", "--exporter", "none"], "makes no Python: class None"),
        (["acme", "--model", "x", "--regularizer", "x-network"], "written to vstar_acme/x_network.py"),
        (["acme", "--synopsis", "synopsis"], "'Synopsis' would have two meanings in vstar_acme/synopsis.py"),
        (["acme", "--regularizer", "far-1", "--exporter", "far1"], "'Far1Options' would have two meanings"),
        (["acme", "--exporter", "path"], "'Path' would have two meanings in vstar_acme/path.py"),
        (["acme", "--backend", "value-error"], "'ValueError' would have two meanings"),
    ],
)
def test_names_that_would_make_no_working_plugin_are_refused(here, words, said):
    assert said in new(*words, code=2).stderr
    assert not list(here.iterdir())


def test_two_parts_of_one_name_are_refused():
    assert "two parts are called 'lean'" in new("acme", "--regularizer", "lean", "--exporter", "lean", code=2).stderr
