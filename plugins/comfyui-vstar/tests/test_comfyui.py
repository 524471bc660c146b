"""The node pack in a real ComfyUI, over its HTTP API: where COMFYUI_DIR names one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

import vstar_sdk
from vstar_sdk import load_spec

HERE = Path(__file__).parent
PACK = HERE.parent
DIRECTORY = os.environ.get("COMFYUI_DIR")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DIRECTORY, reason="COMFYUI_DIR names no ComfyUI (COMFYUI_PYTHON: the Python that it runs with)"),
]
SIZES = {"wan": (5, 4, 4), "hunyuan": (5, 4, 4), "ltx": (5, 4, 8)}
"""Latent frames, tokens of one, frames to each latent frame."""
EMPTY = {
    "ltx": ("EmptyLTXVLatentVideo", {"width": 64, "height": 64, "length": 33, "batch_size": 1}),
    "svd": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 6}),  # its frames are the batch
}


class Comfy:
    """A ComfyUI that runs."""

    def __init__(self, base: Path, port: int) -> None:
        self.base, self.address = base, f"127.0.0.1:{port}"

    def ask(self, path: str, body: Any = None) -> Any:
        """A request; a refusal is answered as it stands."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return json.loads(text) if text else None

    def begin(self, nodes: dict[str, Any], client: str = "tests") -> str:
        """Queue a workflow."""
        told = self.ask("/prompt", {"prompt": nodes, "client_id": client})
        assert "prompt_id" in told, told
        return told["prompt_id"]

    def wait(self, prompt: str) -> dict[str, Any]:
        """What became of a workflow."""
        for _ in range(1800):
            if prompt in (told := self.ask(f"/history/{prompt}")):
                return told[prompt]
            time.sleep(0.1)
        raise TimeoutError(prompt)

    def run(self, nodes: dict[str, Any]) -> dict[str, Any]:
        """Run a workflow that ends well."""
        told = self.wait(self.begin(nodes))
        assert told["status"]["status_str"] == "success", json.dumps(told["status"]["messages"][-1])
        return told["outputs"]

    def fault(self, nodes: dict[str, Any]) -> str:
        """The message of a workflow that fails."""
        told = self.wait(self.begin(nodes))["status"]["messages"]
        return next(about["exception_message"] for kind, about in told if kind == "execution_error")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    """ComfyUI on the CPU, with a folder of its own in which the pack stands."""
    assert DIRECTORY is not None
    base, port = tmp_path_factory.mktemp("comfyui"), _free_port()
    (base / "custom_nodes").mkdir()
    (base / "custom_nodes" / "comfyui-vstar").symlink_to(PACK)
    shutil.copy(HERE / "tiny_nodes.py", base / "custom_nodes")
    log = base / "log.txt"
    command = [os.environ.get("COMFYUI_PYTHON", sys.executable), "main.py", "--cpu", "--disable-auto-launch", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--base-directory", str(base), "--database-url", "sqlite:///:memory:"],
            cwd=DIRECTORY,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    started = Comfy(base, port)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                started.ask("/system_stats")
                break
            except OSError:
                time.sleep(0.5)
        yield started
    finally:
        process.terminate()
        process.wait(30)


def sampled(kind: str, around: dict[str, Any], model: list[Any], prompt: str = "a bud") -> dict[str, Any]:
    """A workflow that samples a tiny model and saves its latents."""
    empty, size = EMPTY.get(kind, ("EmptyHunyuanLatentVideo", {"width": 32, "height": 32, "length": 17, "batch_size": 1}))
    sampler = {"seed": 1, "steps": 4, "cfg": 3.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    links = {"model": model, "positive": ["positive", 0], "negative": ["negative", 0], "latent_image": ["empty", 0]}
    return {
        "tiny": {"class_type": "TestTiny", "inputs": {"kind": kind}},
        "positive": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["tiny", 1], "text": prompt}},
        "negative": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["tiny", 1], "text": "blurred"}},
        "empty": {"class_type": empty, "inputs": size},
        "sampler": {"class_type": "KSampler", "inputs": sampler | links},
        "save": {"class_type": "SaveLatent", "inputs": {"samples": ["sampler", 0], "filename_prefix": "tiny"}},
        **around,
    }


def latents(comfy: Comfy, nodes: dict[str, Any]) -> Tensor:
    """The latents that a workflow saves."""
    saved = comfy.run(nodes)["save"]["latents"][0]
    return load_file(comfy.base / "output" / saved["subfolder"] / saved["filename"])["latent_tensor"]


def tar(**options: Any) -> dict[str, Any]:
    written = {"sigma": {"0": 2}, "window": [0.0, 1.0]} | options
    return {"tar": {"class_type": "VstarRegularizer", "inputs": {"regularizer": "tar", "options": json.dumps(written)}}}


def applied(**more: Any) -> dict[str, Any]:
    return {"apply": {"class_type": "VstarApply", "inputs": {"model": ["tiny", 0], **more}}}


def story(states: str) -> dict[str, Any]:
    inputs = {"writer": "states", "states": states, "prompt": "", "options": "{}", "frames": 17, "fps": 16.0}
    return {"story": {"class_type": "VstarSynopsis", "inputs": inputs}}


TOLD = {"synopsis": ["story", 0], "clip": ["tiny", 1]}


@pytest.mark.parametrize("kind", SIZES)
def test_tar_on_a_model_is_the_formula(comfy: Comfy, kind: str):
    frames, positions, rhythm = SIZES[kind]
    inputs = {"model": ["tiny", 0], "frames": frames, "positions": positions, "rhythm": rhythm, "sigma": 2}
    nursed = latents(comfy, sampled(kind, tar() | applied(regularizers=["tar", 0]), ["apply", 0]))
    wanted = latents(comfy, sampled(kind, {"formula": {"class_type": "TestFormula", "inputs": inputs}}, ["formula", 0]))
    plain = latents(comfy, sampled(kind, {}, ["tiny", 0]))
    effect = (nursed - plain).abs().max()
    assert effect > 1e-2
    assert (nursed - wanted).abs().max() < 1e-3 * effect


def test_tar_on_stable_video_diffusion_is_the_papers(comfy: Comfy):
    both = tar(sigma={"0": 2, "1": 2}) | applied(regularizers=["tar", 0])
    nursed = latents(comfy, sampled("svd", both, ["apply", 0]))
    inputs = {"model": ["tiny", 0], "frames": 6, "sigma": 2}
    wanted = latents(comfy, sampled("svd", {"paper": {"class_type": "TestPaper", "inputs": inputs}}, ["paper", 0]))
    plain = latents(comfy, sampled("svd", {}, ["tiny", 0]))
    effect = (nursed - plain).abs().max()
    assert plain.shape == (6, 4, 8, 8)
    assert effect > 1e-2
    assert (nursed - wanted).abs().max() < 1e-3 * effect


@pytest.mark.parametrize("kind", [*SIZES, "svd"])
def test_a_model_stays_as_it_is_and_strength_0_is_plain(comfy: Comfy, kind: str):
    plain = latents(comfy, sampled(kind, {}, ["tiny", 0]))
    off = latents(comfy, sampled(kind, tar(strength=0.0) | applied(regularizers=["tar", 0]), ["apply", 0]))
    assert (off == plain).all()
    both = sampled(kind, tar() | applied(regularizers=["tar", 0]), ["apply", 0])
    first = latents(comfy, both)
    both["again"] = {"class_type": "KSampler", "inputs": both["sampler"]["inputs"] | {"model": ["tiny", 0]}}
    both["save"]["inputs"] = {"samples": ["again", 0], "filename_prefix": "after"}
    both["first"] = {"class_type": "SaveLatent", "inputs": {"samples": ["sampler", 0], "filename_prefix": "first"}}
    assert (latents(comfy, both) == plain).all()
    assert (first != plain).any()


@pytest.mark.parametrize(("kind", "timeline"), [("wan", "blend"), ("ltx", "blend"), ("wan", "relay")])
def test_a_story_is_told_frame_by_frame(comfy: Comfy, kind: str, timeline: str):
    told = TOLD | {"timeline": timeline}
    plain = latents(comfy, sampled(kind, {}, ["tiny", 0]))
    one = latents(comfy, sampled(kind, story("a bud") | applied(**told), ["apply", 0], prompt="something else"))
    assert (one - plain).abs().max() < 1e-4
    two = latents(comfy, sampled(kind, story("a bud @ 0\na flower @ 16") | applied(**told), ["apply", 0]))
    flower = latents(comfy, sampled(kind, {}, ["tiny", 0], prompt="a flower"))
    to_bud, to_flower = ((two - end).abs().mean((0, 1, 3, 4)) for end in (plain, flower))
    assert to_bud[0] < to_flower[0]
    assert to_bud[-1] > to_flower[-1]


@pytest.mark.parametrize(
    ("kind", "around", "message"),
    [
        ("flux", tar() | applied(regularizers=["tar", 0]), "VSTAR cannot nurse a Flux\nWhat to do: it knows WanModel"),
        ("hunyuan", story("a bud") | applied(**TOLD), "the frames of this HunyuanVideo share one text"),
        ("svd", story("a bud") | applied(**TOLD), "the frames of this UNetModel read a picture, and no text"),
        ("wan", story("a bud") | applied(synopsis=["story", 0]), "a synopsis needs a CLIP"),
        ("wan", applied(), "nothing to apply"),
        ("wan", tar(sigma={"3": 1}) | applied(regularizers=["tar", 0]), "no temporal attention at level 3"),
    ],
)
def test_what_cannot_be_nursed_is_told(comfy: Comfy, kind: str, around: dict[str, Any], message: str):
    assert message in comfy.fault(sampled(kind, around, ["apply", 0]))


def test_the_workflow_that_ships_makes_a_plan_and_a_video(comfy: Comfy):
    nodes = json.loads((PACK / "workflows" / "story.json").read_text(encoding="utf-8"))
    outputs = comfy.run(nodes)
    assert len(outputs["show"]["images"]) == 1
    saved = outputs["save"]["images"][0]
    path = comfy.base / "output" / saved["subfolder"] / saved["filename"]
    spec = load_spec(path).spec
    assert (spec.seed, spec.frames) == (7, 32)
    written = {"prompt": "a volcano wakes up", "frames": 32, "seed": 7, "regularizers": [{"use": "tar", "sigma": {0: 2}}]}
    assert spec == vstar_sdk.run(written).spec


def test_previews_and_progress_arrive_and_an_interrupt_ends_the_run(comfy: Comfy):
    from websockets.sync.client import connect

    spec = "prompt: a volcano wakes up\nframes: 8\nsampling: {steps: 400}\n"
    nodes = {
        "run": {"class_type": "VstarRun", "inputs": {"spec": spec, "seed": 1, "keep_loaded": True}},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["run", 0]}},
    }
    previews, told = 0, []
    with connect(f"ws://{comfy.address}/ws?clientId=watcher", max_size=None) as stream:
        prompt = comfy.begin(nodes, "watcher")
        while not previews or len([one for one in told if one["type"] == "progress"]) < 3:
            got = stream.recv(timeout=120)
            if isinstance(got, bytes):
                previews += got.find(b"\xff\xd8\xff") > 0  # a JPEG behind ComfyUI's head
            else:
                told.append(json.loads(got))
        comfy.ask("/interrupt", {})
        ended = comfy.wait(prompt)
    assert [kind for kind, _ in ended["status"]["messages"]][-1] == "execution_interrupted"
    steps = [one["data"] for one in told if one["type"] == "progress"]
    assert [(one["value"], one["max"], one["node"]) for one in steps[:2]] == [(1, 400, "run"), (2, 400, "run")]
    nodes["run"]["inputs"]["spec"] = spec.replace("400", "2")
    assert len(comfy.run(nodes)["show"]["images"]) == 8
