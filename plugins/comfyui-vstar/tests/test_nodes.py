"""The nodes that hold no model of ComfyUI: key states, regularizers, the plan, runs, and files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import vstar_comfyui
from vstar_comfyui import running
from vstar_comfyui.faults import NodeError
from vstar_comfyui.guarding import guard
from vstar_comfyui.plan import VstarPlan
from vstar_comfyui.regularizers import VstarRegularizer
from vstar_comfyui.run import VstarRun
from vstar_comfyui.save import VstarSave
from vstar_comfyui.synopsis import VstarSynopsis

import vstar_sdk
from vstar_sdk import State, Synopsis, load_spec
from vstar_sdk.testing.imports import private_imports

SPEC = "prompt: a volcano wakes up\nframes: 8\nsampling: {steps: 3}\n"
STORY = Synopsis((State("winter"), State("spring", "50%"), State("summer")))


@pytest.fixture(autouse=True)
def own_session(host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session of its own for each test, which has ended with it."""
    monkeypatch.setattr(running, "_session", None)
    yield
    running.session().close(cancel=True)


def written(states: str, **changes: Any) -> Any:
    return VstarSynopsis.execute(
        **{"writer": "states", "states": states, "prompt": "", "options": "{}", "frames": 16, "fps": 8.0} | changes
    )


def run(spec: str = SPEC, **more: Any) -> Any:
    return VstarRun.execute(**{"spec": spec, "seed": 3, "keep_loaded": True} | more).values


def test_only_public_names_are_used():
    assert private_imports(Path(vstar_comfyui.__file__).parent) == []


def test_the_entry_point_gives_every_node_once():
    extension = asyncio.run(vstar_comfyui.comfy_entrypoint())
    nodes = asyncio.run(extension.get_node_list())
    schemas = [node.define_schema() for node in nodes]
    assert [schema.node_id for schema in schemas] == [node.__name__ for node in nodes]
    assert len({node.__name__ for node in nodes}) == 6
    for node, schema in zip(nodes, schemas, strict=True):
        names = {one.id for one in schema.inputs}
        assert names == set(node.execute.__func__.__annotations__) - {"return"}


def test_states_are_lines_with_anchors():
    story, lines = written("a bud\n\n a flower @ 40%\nten @ 9 \na mail to me@home @ 1.5s").values
    assert story.states == (State("a bud"), State("a flower", "40%"), State("ten", 9), State("a mail to me@home", "1.5s"))
    assert lines == "a bud\na flower @ 40%\nten @ 9\na mail to me@home @ 1.5s"


def test_another_writer_makes_them_of_the_prompt():
    story, _ = written("", writer="miniworld", prompt="a volcano wakes up").values
    assert len(story.states) > 1
    assert all("volcano" in state.caption for state in story.states)


@pytest.mark.parametrize(
    ("states", "changes", "message"),
    [
        ("\n", {}, "there is none\nWhat to do: write one caption a line"),
        ("a bud", {"options": "{style: x"}, "no JSON"),
        ("a bud", {"options": "[1]"}, "a list, not an object"),
        ("a bud", {"options": '{"stile": 1}'}, "stile"),
        ("", {"writer": "llm", "options": '{"backend": {"use": "anthropic"}}', "prompt": "x"}, "not allowed"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(states: str, changes: dict[str, Any], message: str):
    with pytest.raises(NodeError, match=message):
        written(states, **changes)


def test_regularizers_are_chained():
    (first,) = VstarRegularizer.execute("tar", '{"sigma": {"0": 2}}').values
    (both,) = VstarRegularizer.execute("longvideo/enhance", "{}", before=first).values
    assert both == [{"use": "tar", "sigma": {"0": 2}}, {"use": "longvideo/enhance"}]
    assert len(first) == 1
    with pytest.raises(NodeError, match="sigmas"):
        VstarRegularizer.execute("tar", '{"sigmas": 2}')


def test_the_plan_shows_weights_and_windows():
    images, text = VstarPlan.execute(STORY, 16, 8.0, "hold", [{"use": "tar", "window": [0.25, 0.75]}]).values
    assert images.shape == (1, 2 * 16 + 34 * 6, 1024, 3)
    assert text.splitlines() == [
        "frames 0-7: winter",
        "frames 8-14: spring",
        "frames 15-15: summer",
        "tar: 25% to 75% of the schedule",
    ]
    width, blue, paper = 1024 - 16 - 360, torch.tensor((46, 110, 180)) / 255, torch.tensor((250, 250, 248)) / 255

    def at(row: int, fraction: float) -> torch.Tensor:
        return images[0, 16 + row * 34 + 30 - 8 * (row > 3), int(360 + fraction * width)]

    for row, fraction, colour in [(1, 0.3, blue), (2, 0.3, paper), (1, 0.8, paper), (2, 0.8, blue), (3, 0.98, blue)]:
        torch.testing.assert_close(at(row, fraction), colour)
    assert [bool((at(5, fraction) - paper).abs().max() > 0.2) for fraction in (0.2, 0.3, 0.7, 0.8)] == [False, True, True, False]


def test_a_run_gives_the_frames_of_its_spec_and_stays_warm(host: Any):
    images, fps, spec = run()
    wanted = vstar_sdk.run({"prompt": "a volcano wakes up", "frames": 8, "seed": 3, "sampling": {"steps": 3}})
    assert torch.equal((images * 255).round().byte(), wanted.tensor())
    assert (fps, json.loads(spec)["seed"]) == (wanted.clip.fps, 3)
    assert running.session().models == ("miniworld",)
    shown = [(value, total) for value, total, _ in host.bar]
    assert shown[:3] == [(1, 3), (2, 3), (3, 3)]
    # The log keeps the latest preview alone: a reader that is late sees no earlier one.
    kind, picture, largest = [preview for *_, preview in host.bar if preview is not None][-1]
    assert (kind, largest, picture.size) == ("JPEG", 512, (512, 512))
    assert np.asarray(picture).std() > 1.0
    run(keep_loaded=False)
    assert running.session().models == ()


def test_synopsis_and_regularizers_take_the_place_of_the_specs():
    spec = json.loads(run(synopsis=Synopsis((State("a volcano that smokes", 2),)), regularizers=[])[2])
    assert spec["regularizers"] == []
    assert spec["synopsis"]["states"] == [{"caption": "a volcano that smokes", "at": 2}]


def test_an_interrupt_ends_the_run_and_the_next_one_begins(host: Any, interruption: type[Exception]):
    host.interrupted = True
    with pytest.raises(interruption):
        run(SPEC.replace("steps: 3", "steps: 900"))
    assert host.interrupted is False
    assert len(run()[0]) == 8


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("prompt: a story\nframes: -1\n", "^spec.yaml:2:1: frames: -1"),
        ("prompt: a story\nmodel: {use: wan, path: /etc}\n", "not allowed"),
        ("/etc/passwd", "mapping"),
        ("prompt: a story\nsweep: {seed: [1, 2]}\n", "sweep"),
    ],
)
def test_a_spec_that_is_wrong_or_reaches_out_is_refused(spec: str, message: str):
    with pytest.raises(NodeError, match=message):
        run(spec)


def test_the_guard_is_the_environments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VSTAR_COMFYUI_GUARD", '{"hosts": "x"}')
    with pytest.raises(NodeError, match="VSTAR_COMFYUI_GUARD"):
        run()
    monkeypatch.setenv("VSTAR_COMFYUI_GUARD", "off")
    assert guard() is None


def test_a_saved_video_carries_the_workflow_and_the_spec(host: Any, monkeypatch: pytest.MonkeyPatch):
    hidden = SimpleNamespace(prompt={"1": {"class_type": "VstarRun"}}, extra_pnginfo={"workflow": {"nodes": []}})
    monkeypatch.setattr(VstarSave, "hidden", hidden)
    images, fps, spec = run()
    for number in (1, 2):
        VstarSave.execute(images, fps, "video/story", spec)
        path = host.root / "video" / f"story_{number:05}_.mp4"
        assert load_spec(path).spec.model_dump() == load_spec(json.loads(spec)).spec.model_dump()
    import av

    with av.open(str(path)) as container:
        assert json.loads(container.metadata["prompt"]) == hidden.prompt
        assert json.loads(container.metadata["workflow"]) == {"nodes": []}
        assert container.streams.video[0].average_rate == fps
