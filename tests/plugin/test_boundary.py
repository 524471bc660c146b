"""Every kind of part, every method of its Protocol: whatever it does wrong is told as the plugin's, by name and place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vstar_sdk import Footage, ModelError, PluginError, RunCancelled, SpecError, StopRun
from vstar_sdk.plugin.boundary.calls import Origin
from vstar_sdk.plugin.boundary.contract import ignored
from vstar_sdk.plugin.boundary.frames import Source
from vstar_sdk.plugin.boundary.models import ADAPTER
from vstar_sdk.plugin.boundary.regularizers import MEMORY
from vstar_sdk.plugin.boundary.schedulers import SCHEDULER
from vstar_sdk.plugin.kinds import KINDS

ORIGIN = Origin("acme/part (vstar-acme 1.2)", ("regularizers", 0))

CONTRACTS = {
    **{name: kind.promises for name, kind in KINDS.items()},
    "a model's adapter": ADAPTER,
    "a regularizer's memory": MEMORY,
    "a scheduler": SCHEDULER,
}
MEMBERS = [(contract, member) for contract in CONTRACTS.values() for member in contract.members]
NAMES = [f"{contract.protocol}.{member.name}" for contract, member in MEMBERS]

LATENTS = torch.zeros(1, 4, 2, 3, 5)
FOOTAGE = Footage(frames=2, width=40, height=24, fps=8.0)
ARGUMENTS = {
    "clip": FOOTAGE,
    "prompts": ["a volcano"],
    "latents": LATENTS,
    "sample": LATENTS,
    "frames": 2,
    "height": 24,
    "width": 40,
    "prompt": "a volcano",
    "shape": tuple(LATENTS.shape),
    "predictions": {"prompt": LATENTS},
}
"""What checks look at, by parameter; the others may be anything."""

NONSENSE = {"None": None, "a text": "text", "a number": 3, "an object": object(), "a list of texts": ["text"], "NaN": math.nan}

FITS = {
    ("Adapter.cut_off", "a text"),
    ("Exporter.path", "a text"),
    ("Sampler.steps", "a number"),
    ("Regularizer.watches", "None"),
    ("Metric.watches", "None"),
    ("Finisher.sound", "None"),
    ("Memory.strength", "a number"),
    ("Metric.numbers", "a list of texts"),
}
"""What is nonsense elsewhere."""


def contained(contract, member, does):
    """An object of a contract, one member of which does what is given, behind the boundary."""
    body = {one.name: (lambda *_, **__: None) if one.parameters is not None else None for one in contract.members}
    part = contract.contain(type("Part", (), body)(), ORIGIN)
    setattr(type(part._part), member.name, property(does) if member.parameters is None else does)
    return part


def use(part, member):
    """Use a member as a run does: an iterator is drawn, a context is entered."""
    if member.parameters is None:
        return getattr(part, member.name)
    came = getattr(part, member.name)(*(ARGUMENTS.get(name) for name in member.parameters))
    if member.name in ("decode", "finish"):
        return list(came)
    if hasattr(came, "__enter__"):
        with came:
            return came
    return came


def fails(error):
    """A member that raises."""

    def does(*_, **__):
        raise error

    return does


def broken(contract, member, does):
    """What is told of a member that does this."""
    with pytest.raises(PluginError) as caught:
        use(contained(contract, member, does), member)
    return caught.value


class Odd(BaseException):
    """Nothing that anybody foresees."""


@pytest.mark.parametrize(("contract", "member"), MEMBERS, ids=NAMES)
@pytest.mark.parametrize("error", [ValueError("no luck"), SystemExit(3), Odd("x")], ids=repr)
def test_what_it_raises_is_named(contract, member, error):
    told = broken(contract, member, fails(error))
    assert str(told).startswith(f"regularizers[0]: acme/part (vstar-acme 1.2) failed in {member.name}")
    assert type(error).__name__ in str(told)
    assert told.exit_code == 3
    assert told.hint


CHECKED = [
    (contract, member, nonsense)
    for contract, member in MEMBERS
    for nonsense in NONSENSE
    if member.check is not ignored and (f"{contract.protocol}.{member.name}", nonsense) not in FITS
]


@pytest.mark.parametrize(
    ("contract", "member", "nonsense"), CHECKED, ids=[f"{one.protocol}.{two.name}-{three}" for one, two, three in CHECKED]
)
def test_nonsense_is_named(contract, member, nonsense):
    told = broken(contract, member, lambda *_: NONSENSE[nonsense])
    assert str(told).startswith("regularizers[0]: acme/part (vstar-acme 1.2): its ")
    assert told.exit_code == 3


@pytest.mark.parametrize(("contract", "member"), MEMBERS, ids=NAMES)
def test_an_asynchronous_method_is_refused(contract, member):
    async def does():
        return None

    coroutine = does()
    with pytest.raises(PluginError, match="is asynchronous"):
        use(contained(contract, member, lambda *_: coroutine), member)
    coroutine.close()


@pytest.mark.parametrize(("contract", "member"), MEMBERS, ids=NAMES)
def test_an_error_of_the_authors_keeps_its_class_and_hint_and_gains_the_place(contract, member):
    with pytest.raises(ModelError) as caught:
        use(contained(contract, member, fails(ModelError("the disk was removed during the run", hint="plug it in"))), member)
    assert str(caught.value) == "regularizers[0]: acme/part (vstar-acme 1.2): the disk was removed during the run"
    assert caught.value.hint == "plug it in"


@pytest.mark.parametrize(("contract", "member"), MEMBERS, ids=NAMES)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), StopRun("enough"), RunCancelled("by you"), MemoryError()])
def test_interrupts_ends_and_memory_pass(contract, member, error):
    with pytest.raises(type(error)) as caught:
        use(contained(contract, member, fails(error)), member)
    assert caught.value is error


def test_the_place_of_a_spec_error_begins_at_the_spec_once():
    contract, member = next(pair for pair in MEMBERS if pair[1].name == "operations")
    with pytest.raises(SpecError) as caught:
        use(contained(contract, member, fails(SpecError("too wide", path=("sigma",)))), member)
    assert caught.value.path == ("regularizers", 0, "sigma")
    assert caught.value.under("regularizers", 0).path == ("regularizers", 0, "sigma")


def test_the_disk_is_the_callers_to_tell():
    for contract, member in MEMBERS:
        if OSError in member.lets:
            with pytest.raises(OSError, match="disk full"):
                use(contained(contract, member, fails(OSError("disk full"))), member)


TENSORS = {
    "encode": {
        "NaN": torch.full((1, 7, 3), math.nan),
        "another number of prompts": torch.zeros(2, 7, 3),
        "no tokens": torch.zeros(1, 7),
        "whole numbers": torch.zeros(1, 7, 3, dtype=torch.int64),
    },
    "denoise": {
        "NaN": torch.full_like(LATENTS, math.nan),
        "half precision": LATENTS.half(),
        "another shape": LATENTS[:, :, 1:],
        "another device": LATENTS.to("meta"),
    },
    "latent_shape": {"four numbers": (1, 4, 2, 3), "a fraction": (1, 4, 2.0, 3, 5), "none at all": (1, 4, 0, 3, 5)},
    "decode": {
        "another size": [np.zeros((24, 41, 3), np.uint8)] * 2,
        "another type": [np.zeros((24, 40, 3), np.float32)] * 2,
        "too few": [np.zeros((24, 40, 3), np.uint8)],
        "too many": [np.zeros((24, 40, 3), np.uint8)] * 3,
        "no frames": [None, None],
    },
    "weights": {"bytes": {"unet": b"12"}},
}


@pytest.mark.parametrize(("method", "what"), [(method, what) for method in TENSORS for what in TENSORS[method]])
def test_values_of_an_adapter_keep_their_shape_and_type(method, what):
    member = next(member for member in ADAPTER.members if member.name == method)
    part = contained(ADAPTER, member, lambda *_: TENSORS[method][what])
    if method == "decode":
        type(part._part).latent_shape = lambda *_: tuple(LATENTS.shape)
        part.latent_shape(2, 24, 40)
    with pytest.raises(PluginError, match=rf"its {method}\(\) (yielded|returned)"):
        use(part, member)


def test_frames_that_fail_while_they_are_drawn_are_the_plugins():
    def decode(self, latents):
        yield np.zeros((24, 40, 3), np.uint8)
        raise ValueError("no more")

    member = next(member for member in ADAPTER.members if member.name == "decode")
    frames = contained(ADAPTER, member, decode).decode(LATENTS)
    next(frames)
    with pytest.raises(PluginError, match=r"failed in decode\(\): ValueError: no more"):
        next(frames)


def part_of(kind, **members):
    """A part of a kind behind the boundary."""
    return KINDS[kind].promises.contain(type("Part", (), members)(), ORIGIN)


@pytest.mark.parametrize(
    ("names", "came", "words"),
    [
        (("a", "b"), {"a": 1.0}, "returned a, but its numbers are a, b"),
        (("a",), {"a": 1.0, "b": 2.0}, "returned a, b, but its numbers are a"),
        (("a",), {}, "returned nothing, but its numbers are a"),
        (("a",), {"a": math.nan}, ", not a finite number"),
        (("a",), {"a": math.inf}, ", not a finite number"),
        (("a",), {"a": True}, "returned for 'a' a bool, not a finite number"),
        (("a", "a"), {"a": 1.0}, "have a name twice: a, a"),
        (("A b",), {"A b": 1.0}, "not a tuple of names in lower case letters"),
        ((), {}, "not a tuple of names"),
    ],
    ids=str,
)
def test_a_metric_gives_the_numbers_that_it_names(names, came, words):
    metric = part_of("metrics", numbers=names, begin=lambda *_: None, add=lambda *_: None, result=lambda self: came)
    with pytest.raises(PluginError) as caught:
        _ = metric.numbers, metric.result()
    assert words in str(caught.value)


@pytest.mark.parametrize("number", [np.float32(0.5), np.float64(0.5), 1, np.int64(3)], ids=repr)
def test_numbers_of_numpy_are_numbers(number):
    metric = part_of("metrics", numbers=("a",), begin=lambda *_: None, add=lambda *_: None, result=lambda _: {"a": number})
    assert metric.result() == {"a": float(number)}
    assert type(metric.result()["a"]) is float


FRAME = np.zeros((24, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([FRAME] * 2, "yielded only 2 of 3 frames"),
        ([FRAME] * 4, "yielded more than 3 frames"),
        ([FRAME, FRAME[:-1], FRAME], "yielded as frame 1 (23, 40, 3) uint8, but the clip's frames are (24, 40, 3) uint8"),
        ([FRAME, FRAME / 2, FRAME], "yielded as frame 1 (24, 40, 3) float64"),
        (None, "returned None, which is not iterable"),
    ],
    ids=["too few", "too many", "size", "type", "none"],
)
def test_a_finisher_gives_the_frames_that_it_planned(made, words):
    planned = Footage(frames=3, width=40, height=24, fps=12.0)
    finisher = part_of("finishers", plan=lambda self, clip: planned, finish=lambda self, frames, clip: made)
    assert finisher.plan(FOOTAGE) == planned
    with pytest.raises(PluginError) as caught:
        list(finisher.finish(iter(()), FOOTAGE))
    assert f"its finish() {words}" in str(caught.value)


@pytest.mark.parametrize("clip", [{"frames": 0}, {"width": 2.5}, {"fps": 0.0}, {"fps": math.inf}, {"prompt": None}], ids=str)
def test_a_finisher_plans_footage_that_can_be(clip):
    planned = Footage(**{"frames": 3, "width": 40, "height": 24, "fps": 12.0} | clip)
    finisher = part_of("finishers", plan=lambda self, clip: planned, finish=lambda *_: ())
    with pytest.raises(PluginError, match=f"a Footage whose {next(iter(clip))} cannot be"):
        finisher.plan(FOOTAGE)


@pytest.mark.parametrize("error", [ValueError("the decoder broke"), ModelError("the decoder broke")], ids=repr)
def test_what_fails_before_a_finisher_is_not_its_fault(error):
    def broken():
        yield FRAME
        raise error

    finisher = part_of("finishers", plan=lambda self, clip: clip, finish=lambda self, frames, clip: (one for one in frames))
    frames = finisher.finish(Source(broken()), FOOTAGE)
    next(frames)
    with pytest.raises(type(error), match=r"^the decoder broke$") as caught:
        next(frames)
    assert caught.value is error


HEAD = """
import vstar_sdk
from vstar_sdk import ArtifactOptions, Brief, Completion, Synopsis, hookimpl
class Lines(ArtifactOptions):
    suffix = ".txt"
    path: str = "lines.txt"
class Part:
    offline = True
    takes_eta = False
    branches = ()
    path = "lines.txt"
    def __init__(self, options): self.options = options
    def close(self): pass
    def abort(self): pass
    def open(self, target, clip): pass
    def load(self, device, dtype): pass
    def facts(self): return 3
    def make(self, config): return 3
    def draw(self, shape, clock, generator): return shape
    def combine(self, predictions, scale, moment): return None
    def steps(self, schedule): return "many"
    def sample(self, denoising): return denoising
    def operations(self, site): return [object()]
    def write(self, given):
        if not isinstance(given, Brief): raise ValueError("no ink")
        return Synopsis(())
    numbers = ("part",)
    def begin(self, *given): pass
    def watches(self, site): return None
    def add(self, frame): pass
    def result(self): return {"part": "high"}
    def plan(self, clip): return (2, 64, 64)
    def finish(self, frames, clip): return frames
    def complete(self, request): return Completion(text=None, stop="end", model="m", input_tokens=1, output_tokens=1)
"""
OFFERED = {"exporters": "Lines"}
"""Option models that are more than the base of their kind."""
INSIDE = {"llm_backends": "synopsis.backend", "executors": "executor"}
"""Where the spec names a part of a kind that has no place of its own."""


def chosen(kind: str) -> dict[str, Any]:
    """What a spec says to choose the plugin's part of a kind, from the kind's place in the table."""
    place = KINDS[kind].place or INSIDE[kind]
    value: Any = {"use": "acme/part"}
    for name in reversed(place.split(".")):
        value = {name.removesuffix("[]"): [value] if name.endswith("[]") else value}
    return value


QUICK = {"models", "regularizers", "exporters"}
SOME_KINDS = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]


@pytest.mark.parametrize("kind", SOME_KINDS)
def test_the_command_line_names_the_plugin_and_exits_with_3(packages, kind, tmp_path):
    offers = ""
    for one, row in KINDS.items():
        options = OFFERED.get(one, f"vstar_sdk.{row.base.__name__}")
        offers += f"@hookimpl\ndef {row.hook}(register):\n"
        offers += f"    register('part', options={options}, factory=Part, summary='A part.')\n"
    packages.add("acme", HEAD + offers)
    story = {"prompt": "a volcano wakes up", "frames": 2, "synopsis": {"use": "miniworld", "states": 2}}
    spec = tmp_path / "story.json"
    wanted = chosen(kind)
    wanted.setdefault("sampling", {})["steps"] = 1
    if kind == "llm_backends":
        wanted["synopsis"] |= {"use": "llm", "states": 2}
    if kind == "executors":
        wanted["sweep"] = {"seed": [1]}
    spec.write_text(json.dumps(story | wanted))
    result = packages.vstar("sweep" if kind == "executors" else "run", spec, "--out", tmp_path / "run")
    assert result.returncode == 3, result.stderr
    place = (KINDS[kind].place or INSIDE[kind]).replace("[]", "[0]")
    assert f"error: {place}: acme/part (vstar-acme 1.2)" in result.stderr
    assert "hint:" in result.stderr
    assert "fault of the program" not in result.stderr
    assert not list(Path(tmp_path / "run").glob("lines.txt"))
