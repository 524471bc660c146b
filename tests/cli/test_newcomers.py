"""What somebody types who has not read the documentation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vstar_sdk import run as make
from vstar_sdk.cli.main import cli

STORY = "prompt: a red flower opens\nframes: 8\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run of one frame."""
    folder = tmp_path_factory.mktemp("made") / "run"
    make({"prompt": "a red flower opens", "frames": 3, "seed": 5, "sampling": {"steps": 1}}, out=folder)
    return folder


def vstar(*words: str, code: int = 0, stdin: str | None = None) -> Result:
    done = CliRunner().invoke(cli, words, input=stdin)
    assert done.exit_code == code, done.output
    return done


def test_a_prompt_in_quotes_is_a_prompt():
    assert "64 frames" in vstar("run", "a volcano wakes up", "--dry-run").stdout
    assert "a volcano is calm" in vstar("synopsis", "a volcano wakes up").stdout


def test_a_file_is_a_file_even_with_spaces_in_its_name(here):
    (here / "my story.yaml").write_text(STORY)
    (here / "no ending at all").write_text(STORY)
    for name in ("my story.yaml", "no ending at all"):
        assert "8 frames" in vstar("validate", name).stdout


@pytest.mark.parametrize("name", ["stroy.yaml", "volcano", "my stroy.yaml", "folder/volcano"])
def test_what_looks_like_a_file_and_is_none_is_told(name):
    told = vstar("run", name, code=2)
    assert f"there is no file {name}" in told.stderr
    assert "--prompt" in told.stderr


def test_a_spec_from_standard_input():
    assert "8 frames" in vstar("validate", "-", stdin=STORY).stdout
    assert "stdin:1:1" in vstar("validate", "-", stdin="frames: many", code=2).stderr


@pytest.mark.parametrize("text", ["prompt: a lake", "frames: 8\nprompt: a lake\n", '{"prompt": "a lake"}'])
def test_the_text_of_a_spec_is_no_prompt(text):
    told = vstar("run", text, "--dry-run", code=2).stderr
    assert "this is the text of a spec (it sets prompt" in told
    assert "vstar run -" in told


@pytest.mark.parametrize("prompt", ["winter: a lake is frozen", "[a lake", "a lake, that: is: frozen"])
def test_a_prompt_may_have_a_colon(prompt):
    assert json.loads(vstar("plan", prompt, "--plain", "--json").stdout)["states"][0]["caption"] == prompt


def test_seed_frames_and_plain():
    told = json.loads(vstar("plan", "a volcano wakes up", "--seed", "9", "--frames", "2s", "--plain", "--json").stdout)
    assert (told["settings"]["seed"], told["settings"]["frames"]) == (9, 16)
    assert [state["caption"] for state in told["states"]] == ["a volcano wakes up"]
    assert told["attention"]["sites"] == []


def test_set_goes_after_the_short_options():
    assert '"seed": 3' in vstar("plan", "a volcano wakes up", "--seed", "9", "-s", "seed=3", "--json").stdout


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("smapling.steps=3", "error: --set smapling.steps: smapling: unknown key 'smapling'. Did you mean 'sampling'?"),
        ("frames=lots", "error: --set frames: 'lots': write a number of frames (64) or seconds ('8s')"),
        ("regularizers=[longvideo/rifelx]", "unknown regularizer 'longvideo/rifelx'. Did you mean 'longvideo/riflex'?"),
        ("regularizers=[longvideo/nothing]", "unknown regularizer 'longvideo/nothing'. Known: longvideo/enhance, "),
        ("start.first=gone.png", "hint: check the path: a relative one begins at the spec's folder"),
    ],
)
def test_a_mistake_in_an_assignment_has_its_place_and_remedy(here, assignment, words):
    Path("story.yaml").write_text("prompt: a volcano wakes up\n")
    assert words in vstar("plan", "story.yaml", "--set", assignment, code=2).stderr


def test_several_specs_are_validated_and_the_first_error_counts(here):
    (here / "good.yaml").write_text(STORY)
    (here / "bad.yaml").write_text("prompt: x\nframes: -1\n")
    told = vstar("validate", "good.yaml", "bad.yaml", "absent.yaml", code=2)
    assert told.stdout.startswith("good.yaml is valid")
    assert "bad.yaml:2:1" in told.stderr
    assert "there is no file absent.yaml" in told.stderr
    found = json.loads(vstar("validate", "good.yaml", "bad.yaml", "--json", code=2).stdout)
    assert [one["valid"] for one in found] == [True, False]
    assert found[1]["error"]["exit_code"] == 2


@pytest.mark.parametrize("command", ["plan", "synopsis", "run"])
def test_an_error_is_json_where_json_was_asked_for(command):
    told = json.loads(vstar(command, "absent.yaml", "--json", code=2).stdout)
    assert told["error"]["type"] == "SpecError"
    assert told["error"]["message"] == "there is no file absent.yaml"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("redo", "run", "--json", "--state", "two"), "Invalid value for '--state': 'two' is not a valid integer range."),
        (("check", "--json"), "Missing argument 'VIDEO'."),
        (("templates", "--json", "--nonsense"), "No such option '--nonsense'."),
    ],
)
def test_a_mistake_on_the_command_line_is_json_too(words, message):
    told = vstar(*words, code=2)
    error = json.loads(told.stdout)["error"]
    assert (error["message"], error["exit_code"]) == (message, 2)
    assert error["hint"].endswith(f" {words[0]} --help")
    assert told.stderr == ""


def test_without_json_a_mistake_on_the_command_line_is_told_to_people():
    told = vstar("redo", "run", "--state", "two", code=2)
    assert (told.stdout, "redo --help" in told.stderr) == ("", True)
    assert vstar("compare", "--json", code=2).stdout == ""  # it has no such option


def test_a_run_that_was_refused_is_not_said_to_go_on(here):
    story = ("run", "a red flower opens", "--frames", "3", "--set", "sampling.steps=2", "--pause-after", "1", "-q", "-o", "run")
    vstar(*story)
    assert "continue with" not in vstar(*story, code=7).stderr
    (here / "run" / "spec.yaml").write_text("prompt: a beach\n")
    told = vstar("resume", "run", code=2).stderr
    assert told.startswith("error: run/spec.yaml was changed after the run started: ")
    assert "the run in run is unfinished\nhint: finish it: vstar resume run" in vstar("compare", "run", code=7).stderr


@pytest.mark.parametrize("words", [("show", "empty.mp4"), ("check", "empty.mp4"), ("run", "empty.mp4")])
def test_a_video_without_a_byte_is_told(here, words):
    (here / "empty.mp4").touch()
    assert vstar(*words, code=2).stderr.startswith("error: empty.mp4: the file is empty\n")


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "absent.yaml"),
        ("validate", "absent.yaml"),
        ("templates", "--spec", "absent"),
        ("templates", "--spec", "absent", "list"),
    ],
)
def test_the_traceback_of_an_error_in_json_goes_to_stderr(words):
    quiet, told = vstar(*words, "--json", code=2), vstar(*words, "--json", "-v", code=2)
    assert quiet.stderr == ""
    assert "Traceback" in told.stderr
    assert told.stdout == quiet.stdout
    assert json.loads(told.stdout)


def test_a_dry_run_prints_the_plan_as_json():
    (line,) = vstar("run", "a volcano wakes up", "--frames", "70", "--dry-run", "--json").stdout.splitlines()
    told, planned = json.loads(line), json.loads(vstar("plan", "a volcano wakes up", "--frames", "70", "--json").stdout)
    assert told["settings"]["frames"] == 70
    assert told.pop("warnings") == []
    assert told == {key: planned[key] for key in told}


def test_the_synopsis_as_json():
    told = json.loads(vstar("synopsis", "a volcano wakes up", "--json").stdout)
    assert [state["anchor"] for state in told["states"]] == [0, 31, 63]
    assert told["warnings"] == []


@pytest.mark.parametrize(
    "words", [("-v", "validate", "absent.yaml"), ("validate", "-v", "absent.yaml"), ("validate", "absent.yaml", "-v")]
)
def test_verbose_works_anywhere(words):
    assert "Traceback" in vstar(*words, code=2).stderr
    assert "Traceback" not in vstar("validate", "absent.yaml", code=2).stderr


def test_a_video_shows_the_spec_that_it_carries_and_runs_again(made):
    shown = vstar("show", str(made / "video.mp4")).stdout
    assert shown == (made / "spec.yaml").read_text(encoding="utf-8") == vstar("show", str(made)).stdout
    assert "3 frames" in vstar("run", str(made / "video.mp4"), "--dry-run").stdout
    assert "seed 5" in vstar("run", str(made / "video.mp4"), "--dry-run").stdout


def test_a_spec_that_is_no_text_is_told(here):
    (here / "spec.yaml").write_bytes(b"prompt: caf\xe9")
    assert "spec.yaml is not text (UTF-8)" in vstar("show", ".", code=2).stderr
    (here / "spec.yaml").write_text("prompt: " + "x" * (1 << 20))
    assert "spec.yaml cannot be read: it holds more than" in vstar("show", ".", code=2).stderr


def test_what_carries_no_spec_is_told(made, here):
    assert "is not a run directory" in vstar("show", str(here), code=2).stderr
    make(
        {"prompt": "a red flower opens", "frames": 3, "sampling": {"steps": 1}, "output": [{"use": "mp4", "metadata": False}]},
        out="bare",
    )
    assert "has no spec in its metadata" in vstar("show", "bare/video.mp4", code=2).stderr
    assert "has no spec in its metadata" in vstar("run", "bare/video.mp4", "--dry-run", code=2).stderr


def test_open_shows_the_newest_run_or_the_one_that_is_named(made, here, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("click.launch", lambda path: opened.append(path) or 0)
    assert "there is no finished run below runs/" in vstar("open", code=7).stderr
    vstar("open", str(made))
    (here / "runs").mkdir()
    (here / "runs" / "newest").symlink_to(made)
    vstar("open")
    assert opened == [str(made / "video.mp4"), str(Path("runs") / "newest" / "video.mp4")]
    monkeypatch.setattr("click.launch", lambda path: 1)
    assert "no viewer found for" in vstar("open", str(made), code=7).stderr


def test_parts_are_listed_by_kind():
    assert "models, in a spec under model:" in vstar("parts").stdout
    told = vstar("parts", "regularizers").stdout
    assert "tar" in told
    assert "miniworld" not in told
    assert "Did you mean 'models'?" in vstar("parts", "modls", code=2).stderr
    assert {part["use"] for part in json.loads(vstar("parts", "synopses", "--json").stdout)["synopses"]} >= {
        "none",
        "states",
        "llm",
    }


def test_a_part_of_another_kind_is_told_where_it_belongs():
    told = vstar("validate", "a volcano wakes up", "-s", "regularizers=[{use: mp4}]", code=2).stderr
    assert "'mp4' is not a regularizer: it is an exporter and goes under output[]." in told
    told = vstar("validate", "a volcano wakes up", "-s", "synopsis={use: anthropic}", code=2).stderr
    assert "'anthropic' is not a synopsis: it is an LLM backend." in told


def test_doctor_tells_versions_and_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)  # as if it were not installed
    told = vstar("doctor").stdout
    assert "package  torch 2" in told
    assert "missing  peft, for LoRAs of animatediff: pip install peft" in told
    found = json.loads(vstar("doctor", "--json").stdout)
    assert found["missing"].keys() == {"peft"}
    assert found["devices"][0].startswith("cpu")


def test_names_are_completed():
    def offered(*words: str) -> list[str]:
        environment = {
            "_VSTAR_COMPLETE": "bash_complete",
            "COMP_WORDS": "vstar " + " ".join(words),
            "COMP_CWORD": str(len(words)),
        }
        done = CliRunner().invoke(cli, env=environment, prog_name="vstar", complete_var="_VSTAR_COMPLETE")
        return [line.partition(",")[2] for line in done.output.splitlines()]

    assert "run" in offered("r")
    assert "regularizers" in offered("parts", "reg")
    for command in ("show", "render", "lint"):
        assert offered("templates", command, "time") == ["timelapse"]
        assert offered("templates", command, "./t") == ["./t"]


def test_python_takes_a_prompt_too():
    from vstar_sdk import load_spec

    assert load_spec("a red flower opens").spec.prompt == "a red flower opens"
