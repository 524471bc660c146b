"""The run directory: nobody's work is lost in it, and what is in the way is found before the work begins."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from click.testing import CliRunner

from vstar_sdk import ExporterOptions, ModelError, OutputError, RunCancelled, SpecError, events, hookimpl, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.output.frames import Frames
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.naming import default_directory
from vstar_sdk.runs.plan import make_plan

STORY = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "gif"}]}


def files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_runs_of_one_second_have_folders_of_their_own(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: default_directory("a volcano", tmp_path / "runs"), range(24)))
    assert len(set(folders)) == 24
    assert all(folder.is_dir() for folder in folders)


def test_a_long_word_makes_no_long_folder(tmp_path):
    assert len(default_directory("x" * 300, tmp_path).name) == 80


def test_a_folder_that_was_claimed_for_a_run_that_failed_early_goes_away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    arguments = ["run", "--prompt", "a volcano", "--set", "model.device=cuda:99", "--set", "frames=4"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 5
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_is_cancelled_leaves_an_earlier_one_whole(session, tmp_path):
    session.run(STORY, out=tmp_path / "run")
    before = files(tmp_path / "run")
    job = session.start(STORY | {"prompt": "a beach at night", "sampling": {"steps": 20}}, out=tmp_path / "run")
    for event in job.events():
        if isinstance(event, events.Step):
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()
    assert (tmp_path / "run" / "state" / "about.json").is_file()
    shutil.rmtree(tmp_path / "run" / "state")
    assert files(tmp_path / "run") == before


def test_an_interrupted_run_may_be_begun_again_in_its_folder(session, tmp_path):
    job = session.start(STORY | {"sampling": {"steps": 20}}, out=tmp_path / "run")
    for event in job.events():
        if isinstance(event, events.Step):
            job.cancel()
    with pytest.raises(RunCancelled):
        job.result()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["spec.yaml", "state", "synopsis.json"]
    session.run(STORY, out=tmp_path / "run")
    assert sorted(files(tmp_path / "run")) == ["latents.safetensors", "manifest.json", "spec.yaml", "synopsis.json", "video.gif"]


def begins(session, out, **more):
    """The stages that a run begins before it is refused."""
    job = session.start(STORY | more, out=out)
    stages = [event.stage for event in job.events() if isinstance(event, events.StageStart)]
    with pytest.raises(OutputError) as error:
        job.result()
    return stages, error.value


def test_a_spec_that_the_user_wrote_is_not_replaced(session, tmp_path):
    (tmp_path / "spec.yaml").write_text("# my notes\nprompt: a volcano\n")
    stages, error = begins(session, tmp_path)
    assert stages == []
    assert "was not written by a run" in error.message
    assert (tmp_path / "spec.yaml").read_text().startswith("# my notes")


def test_what_is_in_the_way_is_found_before_anything_is_done(session, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full" / "video.gif").mkdir(parents=True)
    (tmp_path / "full" / "video.gif" / "keep.txt").write_text("")
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    for name, words in (("file", "is a file"), ("full", "with other files than numbered frames"), ("odd", "is a folder")):
        stages, error = begins(session, tmp_path / name)
        assert stages == []
        assert words in error.message
    assert begins(session, tmp_path / "file" / "below")[0] == []


def test_a_dry_run_finds_it_too(tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(cli, ["run", "--prompt", "a volcano", "--dry-run", "--out", str(tmp_path / "file")])
    assert result.exit_code == 7
    assert "is a file" in result.stderr


class Writes(Frames):
    """An exporter of a plugin, with a path of any form."""

    def __init__(self, options):
        self.path = options.path


class Given:
    """A plugin that brings the exporter ``text``."""

    class Text(ExporterOptions):
        path: str

    @hookimpl
    def register_exporters(self, register):
        register("text", options=self.Text, factory=Writes, summary="Text.")


@pytest.mark.parametrize(
    "path", ["manifest.json", "Spec.yaml", "./synopsis.json", "MANIFEST.json/part.txt", "latents.safetensors"]
)
def test_an_exporter_cannot_write_over_the_runs_own_files(path):
    spec = load_spec(STORY | {"output": [{"use": "given/text", "path": path}]}, plugins=[Given()])
    with pytest.raises(
        SpecError, match=r"exporter given/text: .* collides with the run's own file \w+\.(json|yaml|safetensors)"
    ) as error:
        make_plan(spec)
    assert error.value.path == ("output",)
    make_plan(load_spec(STORY | {"output": [{"use": "given/text", "path": "manifests.json"}]}, plugins=[Given()]))


def test_the_same_holds_where_the_files_are_written(tmp_path):
    exporter = Writes(cast(Any, Given.Text(path="manifest.json")))
    with pytest.raises(OutputError, match=r"the run's own file manifest\.json"):
        RunDirectory(tmp_path / "run").check([("given/text", exporter)])


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_fails_removes_the_folders_that_it_made_and_no_other(session, tmp_path, there):
    folder = tmp_path / "mine" / "run"
    if there:
        folder.mkdir(parents=True)

    with pytest.raises(ModelError):
        session.run(STORY | {"model": {"device": "cuda:99"}}, out=folder)
    assert list(tmp_path.rglob("*")) == ([tmp_path / "mine", folder] if there else [])
