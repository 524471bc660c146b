"""One clip on two processes, over gloo: what each computes together is what one computes alone."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.shared_worker import attached, predictions, take_part
from tests.transformer_models import source
from vstar_sdk import ModelError, SamplerError, SpecError, run
from vstar_sdk.attaching.refusals import check_parallel
from vstar_sdk.models.diffusers.parallel import check_share, exchange_of
from vstar_sdk.models.hunyuan15.family import HUNYUAN15
from vstar_sdk.models.ltx.family import LTX
from vstar_sdk.models.wan.family import WAN
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec


def start(cases: list[tuple[str, str, str]], processes: int = 2) -> None:
    """Compute cases in two processes that share every clip: forks of this one, which has imported everything."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    forks = [
        multiprocessing.get_context("fork").Process(target=take_part, args=(cases, n, processes, port)) for n in range(processes)
    ]
    for process in forks:
        process.start()
    for process in forks:
        process.join(600)
    assert [process.exitcode for process in forks] == [0] * processes


def together(command: list[str], processes: int = 2, **variables: str) -> list[str]:
    """Run a command in several processes, started as torchrun does it; what each said on stdout."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    root, said = Path(__file__).parents[2], list[str]()
    started = [
        subprocess.Popen(
            command,
            cwd=root,
            env=os.environ | shared | variables | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    for process in started:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-3000:]
        said.append(out)
    return said


def compare(names: list[str], request: pytest.FixtureRequest, folder: Path) -> None:
    cases = [(name, str(request.getfixturevalue(name)), str(folder / f"{name}.pt")) for name in names]
    start(cases)
    for name, directory, out in cases:
        alone = list(predictions(name, Path(directory)))
        for case, (mine, theirs) in enumerate(zip(alone, torch.load(out), strict=True)):
            assert float((mine - theirs).abs().max()) < 1e-5, (name, case)
        assert not torch.equal(alone[0], alone[1])  # TAR does something
        assert not torch.equal(alone[1], alone[2])  # and so does the text of all states


def test_two_processes_give_what_one_gives(request, tmp_path):
    compare(["wan_21"], request, tmp_path)


@pytest.mark.slow
def test_so_they_do_on_the_other_families(request, tmp_path):
    compare(["wan_22", "tiny_ltx", "tiny_ltx2", "tiny_ltx23"], request, tmp_path)


@pytest.mark.slow
def test_attach_is_exact_on_a_pipeline_that_its_host_has_shared(wan_21, tmp_path):
    out = tmp_path / "made.pt"
    start([("attached", str(wan_21), str(out))])
    alone, shared = list(attached(wan_21)), torch.load(out)
    for mine, theirs in zip(alone, shared, strict=True):
        assert float((mine - theirs).abs().max()) < 1e-5
    assert not torch.equal(*shared)


def parallel(**given: object) -> Any:
    """A configuration of parallelism as a host sets it."""
    context = SimpleNamespace(**{"ring_degree": 1, "ulysses_degree": 2, "ulysses_anything": False} | given)
    return SimpleNamespace(context_parallel_config=context)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (parallel(ring_degree=2), "context parallelism by a ring, in which no device sees a whole row of logits"),
        (parallel(ulysses_anything=True), "context parallelism with parts of different sizes"),
        (SimpleNamespace(context_parallel_config=None), "parallelism that is not over the context"),
    ],
)
def test_what_leaves_no_row_whole_is_refused_with_the_reason(config, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        exchange_of(SimpleNamespace(_parallel_config=config), "blocks.0.attn1")
    assert "ulysses_degree=N" in str(caught.value.hint)
    for family, synopsis, said in (
        (WAN, True, reason),
        (LTX, True, reason),
        (HUNYUAN15, False, "context parallelism, which attach does not support on it"),
    ):
        with pytest.raises(ModelError, match=said):
            check_parallel("transformer", SimpleNamespace(_parallel_config=config), family, synopsis=synopsis)


def test_a_synopsis_is_refused_where_the_text_is_shared_too():
    check_parallel("transformer", SimpleNamespace(_parallel_config=parallel()), LTX, synopsis=False)
    check_parallel("transformer", SimpleNamespace(_parallel_config=parallel()), WAN, synopsis=True)
    with pytest.raises(ModelError, match="shares the text too"):
        check_parallel("transformer", SimpleNamespace(_parallel_config=parallel()), LTX, synopsis=True)


def test_processes_that_torchrun_has_not_started_are_missed_by_name(wan_21):
    with pytest.raises(ModelError, match="needs 2 processes, and this is alone") as caught:
        source("wan_21", wan_21, ulysses=2).load("cpu", "float32")
    assert "torchrun --nproc-per-node 2" in str(caught.value.hint)


def test_a_clip_that_cannot_be_parted_is_refused_before_it_is_begun():
    network = SimpleNamespace(
        _parallel_config=SimpleNamespace(context_parallel_config=SimpleNamespace(_ulysses_local_rank=0, ulysses_degree=2))
    )
    check_share(network, 26)
    with pytest.raises(SamplerError, match="the 27 tokens of this clip cannot be shared equally among 2 devices"):
        check_share(network, 27)


def story(directory: Path, **model: object) -> dict[str, Any]:
    """A spec of two states on a tiny Wan."""
    return {
        "model": {"use": "wan", "path": str(directory), "device": "cpu", "dtype": "float32"} | model,
        "prompt": "a landscape through the year",
        "synopsis": {"use": "states", "states": ["a green landscape in summer", "a snowy landscape in winter"]},
        "frames": 17,
        "size": [128, 128],
        "regularizers": [{"use": "tar", "sigma": {0: 2}}],
        "sampling": {"steps": 2},
    }


def latents_of(folder: Path) -> torch.Tensor:
    (latents,) = load_file(folder / "latents.safetensors").values()
    return latents


@pytest.mark.slow
def test_a_run_of_two_processes_writes_one_directory_and_the_same_video(wan_21, tmp_path):
    run(story(wan_21), out=tmp_path / "alone")
    spec, out = tmp_path / "story.json", tmp_path / "made"
    spec.write_text(json.dumps(story(wan_21, ulysses=2)))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    told = together(
        [sys.executable, "-m", "vstar_sdk.cli.main", "run", str(spec), "--out", str(out), "-q"], TMPDIR=str(temporary)
    )
    assert told == [f"{out}\n", ""]
    assert not [*temporary.glob("vstar-shared-*")]
    mine, theirs = (latents_of(folder) for folder in (tmp_path / "alone", out))
    assert float((mine - theirs).abs().max()) < 1e-5
    assert (out / "video.mp4").is_file()


def test_a_picture_at_the_beginning_is_refused(wan_21, tmp_path):
    spec, picture = story(wan_21, ulysses=2), tmp_path / "first.png"
    Image.new("RGB", (128, 128)).save(picture)
    with pytest.raises(SpecError, match="not supported where several devices share a clip") as caught:
        make_plan(load_spec(spec | {"start": {"first": str(picture)}}))
    assert caught.value.path == ("start",)


def test_a_lora_with_a_weight_for_each_state_is_refused(wan_21):
    lora = {"path": "some.safetensors", "weight": [0.0, 1.0]}
    with pytest.raises(SpecError, match="ulysses and a LoRA's weight for each key state cannot be combined"):
        load_spec(story(wan_21, ulysses=2, loras=[lora]))


def test_a_language_model_is_not_asked_by_several_processes(wan_21):
    asked = story(wan_21, ulysses=2) | {"synopsis": {"use": "llm", "backend": {"use": "anthropic"}}}
    with pytest.raises(SpecError, match="every process would ask a language model for a story of its own") as caught:
        make_plan(load_spec(asked))
    assert caught.value.path == ("synopsis", "use")
