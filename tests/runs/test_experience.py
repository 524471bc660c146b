"""What a run took is kept, and a plan foretells the next one with it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

import pytest

from vstar_sdk import load_spec, run
from vstar_sdk.models.estimates import Workload
from vstar_sdk.runs import experience
from vstar_sdk.runs.experience import Experience, recall, remember, seconds, workload_of
from vstar_sdk.runs.forecast import forecast
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.process import peak_bytes
from vstar_sdk.runs.session import start

SPEC = {"prompt": "a landscape from winter to autumn", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "frames"}]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def planned(**changes):
    return make_plan(load_spec({**SPEC, **changes}))


def took(plan, **changes) -> Experience:
    workload, calls = workload_of(plan, "float32")
    known = Experience(workload=workload, calls=calls, step_seconds=2.0, decode_seconds=3.0, peak_bytes=500 << 20)
    return replace(known, **changes)


def test_before_the_first_run_nothing_is_foretold():
    foreseen = forecast(planned())
    assert (foreseen.seconds, foreseen.libraries_bytes) == (None, None)


def test_a_run_is_remembered_and_foretells_the_same_run(tmp_path):
    run(SPEC, out=tmp_path / "run")
    kept = recall(planned(), "cpu", "float32")
    assert kept is not None
    assert kept.peak_bytes is None  # it was a process with other things in its memory
    assert kept.workload == Workload(frames=4, width=64, height=64, branches=2, dtype="float32")
    foreseen = forecast(planned())
    assert foreseen.seconds == pytest.approx(2 * kept.step_seconds + kept.decode_seconds)


def test_a_run_with_finishers_or_metrics_foretells_its_like_alone():
    plain, finished = planned(), planned(finish=[{"use": "upscale"}])
    remember(plain, "cpu", "float32", took(plain))
    assert recall(finished, "cpu", "float32") is None
    remember(finished, "cpu", "float32", took(finished, decode_seconds=50.0))
    for plan, decode in ((plain, 3.0), (finished, 50.0)):
        kept = recall(plan, "cpu", "float32")
        assert kept is not None
        assert kept.decode_seconds == decode
    assert recall(planned(finish=[{"use": "upscale", "factor": 4}]), "cpu", "float32") is None


BAND, WIDER = ({"use": "tar", "sigma": {0: sigma}} for sigma in (1, 4))
SLOW = {"sampling": {"steps": 2, "guidance": {"use": "tcfg"}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"regularizers": []},
        {"regularizers": [BAND, {"use": "temperature"}]},
        {"regularizers": [{**BAND, "window": [0, 1]}]},
        {"regularizers": [{"use": "tar", "sigma": {0: 1, 1: 1}}]},
        SLOW,
    ],
    ids=["none", "two", "other steps", "more sites", "guidance"],
)
def test_other_attention_or_guidance_foretells_nothing(changes):
    plan = planned(regularizers=[BAND])
    remember(plan, "cpu", "float32", took(plan))
    assert recall(planned(**{"regularizers": [BAND], **changes}), "cpu", "float32") is None
    assert recall(planned(regularizers=[WIDER]), "cpu", "float32") is not None  # as many operations


def test_the_memory_of_a_process_is_kept_where_it_does_nothing_but_the_run(tmp_path):
    start(SPEC, out=tmp_path / "run", began=time.perf_counter()).result()
    kept = recall(planned(), "cpu", "float32")
    assert kept is not None
    if peak_bytes() is None:
        assert kept.peak_bytes is None
    else:
        assert kept.peak_bytes is not None
        assert kept.peak_bytes > 100 << 20


def test_an_estimate_without_operations_foretells_no_time(monkeypatch):
    short, long = planned(), planned(frames=8)
    source: Any = type(short.source)
    nothing = replace(cast(Any, short.source).estimate(workload_of(short, "float32")[0]), call_flops=0, decode_flops=0)
    monkeypatch.setattr(source, "estimate", lambda *_: nothing)
    workload, calls = workload_of(long, "float32")
    assert seconds(long, took(short), workload, calls, steps=2) is None


def test_two_that_keep_at_once_do_not_spoil_each_other(cache):
    plan = planned()
    experience._path(plan, "cpu", "float32").with_suffix(".draft").mkdir(parents=True)
    remember(plan, "cpu", "float32", took(plan))
    assert recall(plan, "cpu", "float32") == took(plan)


def test_a_run_in_memory_decodes_nothing_and_teaches_nothing():
    run(SPEC)
    assert recall(planned(), "cpu", "float32") is None


def test_the_same_work_takes_the_same_time():
    plan = planned()
    workload, calls = workload_of(plan, "float32")
    assert seconds(plan, took(plan), workload, calls, steps=2) == 2 * 2.0 + 3.0


def test_other_work_takes_as_much_longer_as_it_has_operations():
    short, long = planned(), planned(frames=8)
    workload, calls = workload_of(long, "float32")
    assert seconds(long, took(short), workload, calls, steps=2) == pytest.approx(2 * (2 * 2.0 + 3.0), rel=0.05)
    twice = took(short, calls=2)  # each step was two calls of the same size
    workload, calls = workload_of(short, "float32")
    assert seconds(short, twice, workload, calls, steps=2) == pytest.approx(2 * 1.0 + 3.0)


def test_the_memory_of_the_process_is_that_of_the_run_before_and_the_tensors_of_this_one():
    short, long = planned(), planned(frames=64)
    remember(short, "cpu", "float32", took(short))
    before, after = forecast(short), forecast(long)
    assert before.libraries_bytes == after.libraries_bytes
    assert before.peaks()["none"] + (before.libraries_bytes or 0) == 500 << 20
    assert after.peaks()["none"] > before.peaks()["none"]


@pytest.mark.parametrize("changes", [{"model": {"use": "miniworld", "decode_batch": 2}}])
def test_another_way_of_running_is_another_experience(changes):
    plan = planned()
    remember(plan, "cpu", "float32", took(plan))
    assert recall(planned(**changes), "cpu", "float32") is None
    assert recall(plan, "cpu", "bfloat16") is None
    assert recall(plan, "cpu", "float32") is not None


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b"\xff", b'{"workload": 3}'])
def test_a_damaged_memory_is_no_memory(content):
    plan = planned()
    remember(plan, "cpu", "float32", took(plan))
    experience._path(plan, "cpu", "float32").write_bytes(content)
    assert recall(plan, "cpu", "float32") is None


def test_a_cache_that_cannot_be_written_costs_no_run(cache, tmp_path):
    cache.write_text("a file in its place")
    assert run(SPEC, out=tmp_path / "run").directory is not None
