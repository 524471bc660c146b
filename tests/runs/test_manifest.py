"""The manifest says all that a video was made with, and nothing of whose machine it was made on."""

from __future__ import annotations

import getpass
import hashlib
import importlib.metadata
import json
import platform
import shutil

import numpy as np
import pytest

from tests.messages_api import MessagesApi
from vstar_sdk import Session, hookimpl, redone

TEMPLATE = """\
---
name: mine
version: 3
summary: Mine.
inputs:
  properties:
    prompt: {type: string}
    states: {type: integer}
---
{% block system %}Write {{ states }} captions.{% endblock %}
{% block user %}{{ prompt | tojson }}{% endblock %}
"""


class Clumsy:
    """A host's plugin whose observer fails, and says too much."""

    namespace = "clumsy"

    def __init__(self, folder):
        self.folder = folder

    @hookimpl
    def on_synopsis(self, event):
        raise OSError(f"alice@gpubox-7: no '{self.folder}/notes of alice.txt', no {self.folder}/more.txt, key {MessagesApi.key}")


@pytest.fixture
def made(api, tmp_path, monkeypatch, tiny_pipeline_dir):
    """A run of a model, a template and a plugin that lie in somebody's home, asked for over the network."""
    home = tmp_path / "home" / "alice-at-home"
    monkeypatch.setattr(platform, "node", lambda: "gpubox-7")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setenv("HOME", str(home))
    shutil.copytree(tiny_pipeline_dir, home / "models" / "tiny")
    (home / "mine.jinja").write_text(TEMPLATE)
    api.script = [api.answer()]
    spec = {
        "prompt": "an oak from winter to autumn",
        "model": {"use": "modelscope", "path": str(home / "models" / "tiny"), "device": "cpu"},
        "frames": 4,
        "size": [16, 16],
        "seed": 11,
        "sampling": {"steps": 2},
        "synopsis": {
            "use": "llm",
            "template": str(home / "mine.jinja"),
            "states": len(MessagesApi.captions),
            "backend": {"use": "anthropic", "base_url": api.url},
        },
        "output": [{"use": "frames"}],
    }
    with Session() as session:
        session.run(spec, out=home / "runs" / "oak", plugins=[Clumsy(home)])
    return home / "runs" / "oak"


def test_it_says_what_the_video_was_made_with_and_not_where(made, api):
    text = (made / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["seed"] == 11
    assert manifest["parent"] is None
    assert manifest["model"]["device"] == "cpu"
    assert manifest["model"]["accelerator"] is None
    weights = made.parents[1] / "models" / "tiny"
    assert manifest["model"]["weights"] == {
        path.relative_to(weights).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in weights.rglob("*.safetensors")
    }
    template = {"name": "mine.jinja", "version": 3, "sha256": hashlib.sha256(TEMPLATE.encode()).hexdigest()}
    assert manifest["synopsis"] == {"use": "llm", "template": template, "model": "claude-test-1"}
    assert manifest["plugins"][0]["name"] == "clumsy"
    assert manifest["versions"]["torch"] == importlib.metadata.version("torch")
    assert manifest["seconds"]["total"] > 0
    (spec,) = [entry for entry in manifest["files"] if entry["path"] == "spec.yaml"]
    assert spec["sha256"] == hashlib.sha256((made / "spec.yaml").read_bytes()).hexdigest()
    (warning,) = [warning for warning in manifest["warnings"] if "clumsy" in warning]
    assert "[user]@[host]: no '…/notes of [user].txt', no …/more.txt, key [secret]" in warning

    for secret in ("alice", "gpubox-7", str(made), str(made.parents[2]), MessagesApi.key, api.url, "127.0.0.1"):
        assert secret not in text
    for name in ("synopsis.json", "spec.yaml"):
        other = (made / name).read_text(encoding="utf-8")
        assert MessagesApi.key not in other
        assert api.url not in other
    assert "alice" not in (made / "synopsis.json").read_text(encoding="utf-8")


def test_the_digest_of_the_frames_is_that_of_their_bytes(session, tmp_path):
    spec = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "gif"}]}
    result = session.run(spec, out=tmp_path / "run")
    frames = np.stack(list(result.frames()))
    assert result.manifest["frames_sha256"] == hashlib.sha256(frames.tobytes()).hexdigest()
    assert session.run(spec).manifest["frames_sha256"] is None  # none was decoded


def test_a_run_that_goes_on_names_its_parent_and_not_its_folder(session, tmp_path):
    spec = {"synopsis": {"states": ["a landscape in winter", "a landscape in spring"]}, "frames": 4, "sampling": {"steps": 2}}
    first = session.run(spec | {"output": []}, out=tmp_path / "winter")
    again = session.run(redone(tmp_path / "winter", 2), out=tmp_path / "winter-2")
    assert again.manifest["parent"] == first.id
    assert str(tmp_path) not in (tmp_path / "winter-2" / "manifest.json").read_text()
    assert str(tmp_path) not in (tmp_path / "winter-2" / "spec.yaml").read_text()
