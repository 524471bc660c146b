"""What a hostile or hurried user types: one clear error each, and nothing half-made."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli

VALIDATE = ["validate", "--prompt", "a volcano"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(code, *arguments, **environment):
    result = CliRunner().invoke(cli, list(arguments), env=environment or None)
    assert result.exit_code == code, result.output
    assert "fault of the program" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("assignment", ["frames=true", "seed=false", "sampling.steps=true", "size=[true, 64]"])
def test_true_and_false_are_no_numbers(assignment):
    assert "must be a number, not true or false" in refused(2, *VALIDATE, "--set", assignment)


def test_a_band_too_narrow_for_arithmetic_is_refused_at_its_place():
    assert "regularizers[0].sigma" in refused(2, *VALIDATE, "--set", "regularizers=[{use: tar, sigma: {0: 1e-300}}]")


def test_a_picture_of_any_size_is_not_promised():
    assert "pixels" in refused(2, *VALIDATE, "--set", "size=100000x100000")


@pytest.mark.parametrize("name", [".", "/", "story.json"])
def test_no_spec_is_written_under_a_name_that_is_none(name, here):
    assert "not a name for a YAML spec" in refused(7, "new", "spec", name)
    assert list(here.iterdir()) == []


def test_a_prompt_that_is_no_text_leaves_no_file(here):
    assert "not valid UTF-8" in refused(2, "new", "spec", "--prompt", "caf\udce9")
    assert list(here.iterdir()) == []


def test_templates_are_listed_by_the_word_too():
    plain, named = (CliRunner().invoke(cli, words).stdout for words in (["templates"], ["templates", "list"]))
    assert plain == named
    assert "key-states" in named


def test_a_path_upwards_is_no_plugin():
    assert "there is no template file ../../x" in refused(2, "templates", "show", "../../x")


def test_a_command_that_is_switched_off_says_so():
    assert "switched off: VSTAR_PLUGINS does not name it" in refused(2, "seeds", VSTAR_PLUGINS="openai")


@pytest.mark.parametrize("variable", ["VSTAR_PLUGINS", "VSTAR_DISABLE_PLUGINS"])
def test_a_misspelled_switch_is_told(variable):
    result = CliRunner().invoke(cli, ["plugins"], env={variable: "exmaple"})
    assert f"{variable} names 'exmaple'" in result.stderr


def test_an_unfit_scheduler_is_found_before_anything_is_made(here):
    words = refused(2, "run", "--prompt", "a volcano", "--set", "frames=4", "--set", "sampling.scheduler=heun", "--out", "out")
    assert "sampling.scheduler" in words or "scheduler 'heun'" in words
    assert list(here.iterdir()) == []


def test_an_unfit_scheduler_is_told_by_a_dry_run_and_by_plan_with_its_place(here):
    (here / "story.yaml").write_text("prompt: a volcano\nframes: 4\nsampling: {scheduler: heun}\n")
    for command in (["run", "--dry-run"], ["plan"]):
        assert "story.yaml:3:12: sampling.scheduler" in refused(2, *command, "story.yaml")
