"""Loading in many threads, while the host builds its own networks in another: nobody notices anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, CLIPTextConfig, CLIPTextModel, LlamaConfig, PreTrainedModel
from transformers.utils import logging

from tests.weights.conftest import CLIP, KINDS
from tests.weights.test_components import assert_same
from vstar_sdk import Session
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.pretrained import load_pretrained

STORY = {"prompt": "a landscape from winter to autumn", "frames": 4, "sampling": {"steps": 2}}


def switches() -> dict[str, Any]:
    """Everything of the process that the libraries' own loaders change while they build."""
    of_torch = {name: getattr(torch.nn.init, name) for name in dir(torch.nn.init) if name.endswith("_")}
    return of_torch | {
        "register_parameter": nn.Module.register_parameter,
        "register_buffer": nn.Module.register_buffer,
        "linspace": torch.linspace,
        "tie_weights": PreTrainedModel.tie_weights,
        "init_weights": PreTrainedModel.init_weights,
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "bars": logging.is_progress_bar_enabled(),
    }


def build_and_check() -> None:
    """Build what a host builds; each tensor is real, in the default precision, and has the values of its constructor."""
    made: dict[str, nn.Module] = {
        "linear": nn.Linear(24, 24),
        "convolution": nn.Conv2d(4, 8, 3),
        "table": nn.Embedding(30, 8),
        "norm": nn.LayerNorm(8),
        "attention": nn.MultiheadAttention(8, 2),
    }
    for name, module in made.items():
        for label, tensor in module.named_parameters():
            assert tensor.device.type == "cpu", f"{name}.{label} is on {tensor.device}"
            assert tensor.dtype is torch.float32, f"{name}.{label} is {tensor.dtype}"
            assert tensor.isfinite().all(), f"{name}.{label} was left as its memory was"
    for name, bound in (("linear", 24**-0.5), ("convolution", 36**-0.5)):
        weight = made[name].get_parameter("weight").detach()
        assert bound / 2 < weight.abs().max() <= bound, f"{name} is not drawn as its constructor draws"
        assert weight.unique().numel() > weight.numel() * 0.9, f"{name} is not random"
    assert 0.7 < made["table"].get_parameter("weight").std().item() < 1.3
    assert torch.equal(made["norm"].get_parameter("weight"), torch.ones(8))
    assert torch.tensor(0.5).dtype is torch.float32
    assert torch.linspace(0, 1, 3).device.type == "cpu"


@contextmanager
def host_at_work() -> Iterator[None]:
    """A thread that builds networks, and watches the process's switches, all the while."""
    before, done, began = switches(), threading.Event(), threading.Event()

    def work() -> int:
        rounds = 0
        while not done.is_set():
            build_and_check()
            changed = [name for name, value in switches().items() if value != before[name]]
            assert not changed, f"changed for the whole process: {changed}"
            rounds += 1
            began.set()
        return rounds

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(work)
        building.add_done_callback(lambda _: began.set())
        began.wait()
        try:
            yield
        finally:
            done.set()
        assert building.result() > 0
    assert switches() == before


def in_threads(tasks: list[Callable[[], Any]]) -> list[Any]:
    """The results of tasks that all begin at once, each in a thread of its own."""
    together = threading.Barrier(len(tasks))

    def begin(task: Callable[[], Any]) -> Any:
        together.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result() for future in [pool.submit(begin, task) for task in tasks]]


@pytest.mark.parametrize("first", [torch.float32, torch.bfloat16], ids=str)
def test_components_load_in_ten_threads_while_the_host_builds(pipeline, first):
    wanted = {
        (name, dtype): kind.from_pretrained(pipeline / name, dtype=dtype)
        for name, (kind, _) in KINDS.items()
        for dtype in (torch.float32, torch.bfloat16)
    }
    order = sorted(wanted, key=lambda part: (part[1] is not first, part[0]))
    tasks = [
        lambda parts=order[number::10]: [(part, load_component(KINDS[part[0]].kind, pipeline, *part)) for part in parts]
        for number in range(10)
    ]
    with host_at_work():
        loaded = [found for thread in in_threads(tasks) for found in thread]
    assert len(loaded) == len(wanted)
    for part, network in loaded:
        assert_same(network, wanted[part])


def test_chat_models_load_while_the_host_builds(tmp_path):
    sizes: dict[str, Any] = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    AutoModelForCausalLM.from_config(LlamaConfig(**sizes, num_hidden_layers=2)).save_pretrained(tmp_path)
    wanted = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    tasks = [lambda: load_pretrained(AutoModelForCausalLM, tmp_path, dtype=torch.bfloat16) for _ in range(6)]
    with host_at_work():
        loaded = in_threads(tasks)
    for network in loaded:
        assert_same(network, wanted)


def test_the_host_builds_networks_of_transformers_meanwhile(pipeline):
    def build() -> CLIPTextModel:
        return CLIPTextModel(CLIPTextConfig(**CLIP, num_hidden_layers=2))

    tasks: list[Callable[[], Any]] = [build, lambda: load_component(CLIPTextModel, pipeline, "CLIPTextModel", torch.float16)] * 4
    for network in in_threads(tasks)[::2]:
        for name, tensor in network.named_parameters():
            assert tensor.device.type == "cpu", name
            assert tensor.dtype is torch.float32, name
            assert tensor.isfinite().all(), name


def test_jobs_of_two_sessions_run_from_ten_threads_while_the_host_builds():
    alone = Session().run(STORY)
    with Session() as one, Session() as other:
        tasks = [lambda session=(one, other)[number % 2]: session.run(STORY) for number in range(10)]
        with host_at_work():
            results = in_threads(tasks)
    wanted = [frame.tobytes() for frame in alone.frames()]
    for result in results:
        assert [frame.tobytes() for frame in result.frames()] == wanted
