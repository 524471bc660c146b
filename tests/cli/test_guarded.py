"""``--guarded``, and the section ``guard`` of the file of defaults."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vstar_sdk import Guard, OutputError, SpecError
from vstar_sdk.cli.main import cli
from vstar_sdk.spec.defaults import own_defaults, own_guard
from vstar_sdk.spec.document import Document
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.planning import plan_sweep

STATES = "synopsis: {use: states, states: [winter, autumn]}\nframes: 4\nsize: 64x48\nsampling: {steps: 1}\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder that commands run in, with a spec that reaches outside."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.yaml").write_text(STATES + "model: {use: wan, path: /elsewhere}\n")
    (tmp_path / "plain.yaml").write_text(STATES + "output: [{use: frames}]\n")
    return tmp_path


@pytest.fixture
def config(tmp_path, monkeypatch):
    def write(text: str):
        (tmp_path / "config.yaml").write_text(text)
        monkeypatch.setenv("VSTAR_CONFIG", str(tmp_path / "config.yaml"))

    return write


def vstar(*arguments: str):
    return CliRunner().invoke(cli, [*arguments])


@pytest.mark.parametrize("command", ["run", "validate", "plan", "synopsis"])
def test_without_a_section_nothing_is_allowed(place, command):
    done = vstar(command, "--guarded", "story.yaml")
    assert done.exit_code == 2
    assert "guarded: story.yaml:5:19: model.path: leads outside of the folders that are allowed: none" in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["plain.yaml", "story.yaml"]


def test_output_is_below_the_working_folder(place):
    assert vstar("run", "--guarded", "plain.yaml", "-q", "-o", "out").exit_code == 0
    assert (place / "out" / "manifest.json").exists()
    done = vstar("run", "--guarded", "plain.yaml", "-o", str(place.parent / "out"), "--dry-run")
    assert (done.exit_code, "is outside of" in done.stderr) == (7, True)


def test_the_section_guards_every_command_where_it_says_always(place, config):
    config("guard: {always: true, output: here}\nmodel: {device: cpu}\n")
    assert own_guard() == Guard(output=place / "here")
    defaults = own_defaults()
    assert defaults is not None
    assert defaults.data == {"model": {"device": "cpu"}}
    assert "guarded:" in vstar("validate", "story.yaml").stderr
    assert "guarded:" in vstar("diff", "story.yaml", "plain.yaml").stderr
    done = vstar("run", "plain.yaml")
    assert (done.exit_code, "runs is outside of" in done.stderr) == (7, True)
    assert not (place / "runs").exists()
    for command in (["redo", "x", "--state", "1"], ["resume", "x"]):
        assert vstar(*command).exit_code != 0


def test_without_always_the_section_waits_to_be_asked(place, config):
    config("guard: {roots: [models], hosts: [friend.example]}\n")
    assert own_guard() is None
    assert own_guard(wanted=True) == Guard(roots=(place / "models",), hosts=("friend.example",))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("guard: {root: [models]}", r"config\.yaml:1:9: .*unknown key 'root'"),
        ("guard: {hosts: ['https://friend.example']}", r"config\.yaml:1:9: guard\.hosts: .*write a host"),
        ("guard: yes please", r"config\.yaml:1:1: guard: must be a mapping"),
        ("guard: {secrets: [sk-1234]}", r"config\.yaml:1:19: guard\.secrets\[0\]"),
    ],
)
def test_a_section_that_is_wrong_is_told_with_its_place(place, config, section, words):
    config(section)
    with pytest.raises(SpecError, match=words):
        own_guard()


def test_a_sweep_is_guarded_in_its_values_its_files_and_its_processes(place):
    guard = Guard(output=place, roots=(place,))
    (place / "models.txt").write_text("/elsewhere\n")
    (place.parent / "prompts.txt").write_text("a volcano\n")
    base = {"synopsis": {"use": "states", "states": ["winter", "autumn"]}, "frames": 4}

    def of(**sweep: object):
        return plan_sweep(Document(base | {"sweep": sweep}, folder=place), place / "sweep", guard=guard)

    with pytest.raises(SpecError, match=r"sweep\.prompt: leads outside"):
        of(prompt="../prompts.txt")
    with pytest.raises(SpecError, match=r"guarded: model\.path: leads outside|guarded: .*models\.txt:1: model.path"):
        plan_sweep(
            Document(base | {"model": {"use": "wan"}, "sweep": {"model.path": "models.txt"}}, folder=place),
            place / "sweep",
            guard=guard,
        )
    with pytest.raises(OutputError, match="outside of"):
        plan_sweep(Document(base | {"sweep": {"seed": [1]}}), place.parent / "sweep", guard=guard)
    of(seed=[1]).sweep.claim()
    assert Sweep.read(place / "sweep").guard == guard
    with pytest.raises(OutputError, match="begun with another guard"):
        plan_sweep(Document(base | {"sweep": {"seed": [1]}}, folder=place), place / "sweep").sweep.claim()


def test_a_process_of_a_sweep_keeps_to_the_guard_of_its_index(place):
    from vstar_sdk import run_cells

    plan = plan_sweep(
        Document({"synopsis": {"use": "states", "states": ["a", "b"]}, "frames": 4, "sweep": {"seed": [1]}}),
        place / "sweep",
        guard=Guard(output=place),
    )
    plan.sweep.write()
    index = json.loads((place / "sweep" / "sweep.json").read_text())
    index["spec"] += "start: {from: /elsewhere, keep: '0'}\n"
    (place / "sweep" / "sweep.json").write_text(json.dumps(index))
    outcome = run_cells(place / "sweep")
    assert (outcome.done, outcome.failed) == (0, 1)
    assert "guarded:" in json.loads((place / "sweep" / "cells" / "0000" / "error.json").read_text())["message"]
