"""A plugin that ``vstar new plugin`` writes passes its own tests, is listed, and is used by a spec."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vstar_sdk import load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.cli.new_plugin import WORDS
from vstar_sdk.cli.scaffolding import SCAFFOLD
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import read
from vstar_sdk.spec.loading import load_document, load_section
from vstar_sdk.spec.sweep_keys import SweepKeys
from vstar_sdk.testing.plugins import check_plugin

ROOT = Path(__file__).parents[2]

NAMES = {"regularizer": "lean", "model": "far-tree", "backend": "chat", "template": "haiku", "executor": "here"}
"""Names of the parts; that of a kind that is not here is made from its word."""

ALL = [f"--{word}={NAMES.get(word, f'my-{word}')}" for word in WORDS]

KIT = "vstar_sdk.testing.fixtures"


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


def pytest_of(folder: Path) -> str:
    """What pytest says of the tests in a folder; the fixtures are those of this tree."""
    return python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", KIT)


def test_every_kind_can_be_begun_with_and_has_its_file():
    assert set(WORDS.values()) == {*KINDS, "templates"}
    assert {path.stem for path in (SCAFFOLD / "kinds").iterdir()} == set(WORDS.values())
    shown = new("--help").stdout
    assert [word for word in WORDS if f"--{word} NAME" not in shown] == []


@pytest.mark.slow
def test_one_of_every_kind_passes_its_own_tests_and_is_tidy(here):
    assert "pip install -e 'vstar-acme[test]'" in new("acme", *ALL).stdout
    python(here / "vstar-acme", "-m", "ruff", "check", "--isolated", "--no-cache", "--select=E,F,I,UP", "--line-length=130", ".")
    assert "30 passed" in pytest_of(here / "vstar-acme")


def test_a_regularizer_and_a_metric_pass_their_own_tests(here):
    new("acme", "--regularizer", "lean", "--metric", "bright")
    assert re.search(r"\d+ passed", pytest_of(here / "vstar-acme"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_tests_of_each_kind_use_its_check(kind):
    written = (SCAFFOLD / "kinds" / f"{kind.name}.jinja").read_text(encoding="utf-8")
    module, _, name = kind.check.partition(":")
    assert f"from {module} import {name}\n" in written
    assert f" {name}(" in written


@pytest.fixture
def written(here, monkeypatch):
    """Writes a plugin, and imports it from its folder."""

    def write(*options):
        new("acme", *options)
        monkeypatch.syspath_prepend(here / "vstar-acme")
        return importlib.import_module("vstar_acme")

    yield write
    for module in [name for name in sys.modules if name.partition(".")[0] == "vstar_acme"]:
        del sys.modules[module]


@pytest.mark.parametrize("option", [*([option] for option in ALL), []], ids=str)
def test_each_kind_alone_is_healthy_and_the_spec_of_its_readme_is_planned(written, option, here):
    check_plugin(written(*option), "acme")
    told = (here / "vstar-acme" / "README.md").read_text(encoding="utf-8")
    (story,) = re.findall(r"```yaml\n(.*?)```", told, re.DOTALL)
    assert "acme/" in story
    (here / "story.yaml").write_text(story, encoding="utf-8")
    plugin = Plugin("acme", sys.modules["vstar_acme"], "vstar-acme 0.1")
    if "--executor=here" in option:
        document = read(here / "story.yaml")
        chosen = replace(document, data={"executor": document.data.pop("executor")})
        section: Any = load_section(chosen, SweepKeys, [plugin])[0]
        assert section.executor.part == "acme/here"
        assert document.data.pop("sweep") == {"seed": [0, 1]}
        make_plan(load_document(document))
    else:
        make_plan(load_spec(here / "story.yaml", plugins=[plugin]))


@pytest.mark.slow
@pytest.mark.parametrize("option", [[option] for option in ALL] + [[]], ids=str)
def test_each_kind_alone_passes_its_own_tests(here, option):
    new("acme", *option)
    assert " passed" in pytest_of(here / "vstar-acme")


@pytest.mark.slow
def test_it_passes_its_tests_where_it_is_installed(here):
    """The fixtures come by their entry point, the plugin by its own; its folder is elsewhere."""
    new("acme-labs", *ALL)
    folder, site = here / "vstar-acme-labs", here / "site"
    for source in (folder, ROOT):
        python(here, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site), str(source))
    (folder / "vstar_acme_labs").rename(folder / "elsewhere")
    assert "30 passed" in python(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=", str(folder / "tests"))
    code = "from vstar_sdk.cli.main import cli; cli(['plugins', '--check'])"
    listed = python(site, "-c", code)
    assert "regularizer acme-labs/lean" in listed
    assert "healthy" in listed


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


def test_two_parts_of_one_kind_are_both_offered(written):
    source = written(*(f"--{word}={word}-{which}" for word in WORDS if word != "model" for which in ("one", "two")))
    catalog = check_plugin(source, "acme")
    for word, kind in WORDS.items():
        offered = catalog.templates if kind == "templates" else [part.name for part in catalog.parts(kind)]
        both = [f"acme/{word}-one", f"acme/{word}-two"] if word != "model" else []
        assert [name for name in offered if "/" in name] == both


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
