"""Options of memory and speed in a run: the same video, recorded, and what is left to change where memory is too small."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
import torch

from tests.tiny_models import spec as spec_of
from vstar_sdk import ModelError, SamplerError, Session, SpecError, run
from vstar_sdk.runs.advice import less_memory
from vstar_sdk.runs.forecast import forecast
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 6,
    "sampling": {"steps": 3},
    "regularizers": [{"use": "tar", "sigma": {0: 1}, "window": [0, 0.5]}],
}


def digest(result):
    return hashlib.sha256(b"".join(frame.tobytes() for frame in result.frames())).hexdigest()


@pytest.fixture(scope="module")
def plain():
    return digest(run(STORY))


@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloading_changes_no_bit_of_the_video_and_is_recorded(plain, offload):
    result = run(STORY | {"model": {"offload": offload}})
    assert digest(result) == plain
    assert result.spec.model_dump()["model"]["offload"] == offload


def test_a_model_is_kept_once_and_not_beside_another_way_of_running_it():
    with Session() as session:
        first = session.run(STORY).adapter
        other = session.run(STORY | {"model": {"offload": "model"}}).adapter
        assert other is not first
        assert [loaded.adapter for loaded in session._models._loaded.values()] == [other]


def test_compiling_what_comes_and_goes_is_refused():
    with pytest.raises(SpecError, match="compile and offload: group cannot be combined"):
        load_spec(STORY | {"model": {"compile": True, "offload": "group"}})


@pytest.mark.parametrize("do", [lambda spec: run(spec), lambda spec: forecast(make_plan(load_spec(spec)))], ids=["run", "plan"])
def test_a_fused_kernel_is_asked_of_a_gpu_alone_and_the_plan_tells_it(do):
    spec = STORY | {"model": {"fused": True, "device": "cpu"}}
    with pytest.raises(ModelError, match="fused needs a CUDA GPU, and the run is on cpu") as caught:
        do(spec)
    assert caught.value.hint == "leave model.fused out: the same attention is then computed in chunks"
    assert "fused row statistics" in make_plan(load_spec(spec)).attention.describe(3)


def planned(**spec):
    return make_plan(load_spec(STORY | spec))


@pytest.mark.parametrize(
    ("spec", "stage", "hint"),
    [
        ({}, "load", "set model.offload: model (or group); or use a smaller model"),
        ({"model": {"offload": "group"}}, "load", "use a smaller model"),
        (
            {"model": {"offload": "model", "dtype": "float32"}},
            "sample",
            "set model.offload: group, or sampling.guidance_batch: two, or model.dtype: bfloat16; or make fewer frames or "
            "smaller pictures",
        ),
        (
            {"model": {"offload": "group"}, "sampling": {"guidance_batch": "two"}},
            "sample",
            "make fewer frames or smaller pictures",
        ),
        (
            {"model": {"decode_batch": 8, "offload": "group"}},
            "decode",
            "set model.decode_batch: 1, or model.tiling: true; or make smaller pictures",
        ),
    ],
)
def test_the_hint_names_what_is_left_to_change(spec, stage, hint):
    assert less_memory(planned(**spec), stage) == hint


@pytest.mark.parametrize(
    ("stage", "where"),
    [
        ("load", "vstar_sdk.miniworld.adapter.load_weights"),
        ("encode", "vstar_sdk.miniworld.adapter.MiniworldAdapter.encode"),
        ("sample", "vstar_sdk.miniworld.adapter.MiniworldAdapter.denoise"),
        ("decode", "vstar_sdk.miniworld.adapter.MiniworldAdapter.decode"),
    ],
)
def test_no_memory_left_on_a_device_is_one_clear_error_in_every_stage(monkeypatch, tmp_path, stage, where):
    def fails(*arguments, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(where, fails)
    with pytest.raises(SamplerError, match=rf"there is not enough memory for .* \(stage {stage}\)") as refused:
        run(STORY, out=tmp_path / "run")
    assert "model.offload" in (refused.value.hint or "")


def test_so_it_is_for_frames_that_are_decoded_on_demand(monkeypatch):
    def fails(*arguments, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    result = run(STORY)
    monkeypatch.setattr("vstar_sdk.miniworld.networks.autoencoder.Autoencoder.decode", fails)
    with pytest.raises(SamplerError, match=r"not enough memory for 6 frames of 64x64 \(stage decode\)"):
        next(result.frames())


def test_memory_that_ends_inside_a_library_while_loading_is_not_taken_for_a_damaged_file(monkeypatch, models):
    from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel

    def fails(*arguments, **named):
        raise RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)")

    monkeypatch.setattr(UNet3DConditionModel, "from_config", fails)
    with pytest.raises(SamplerError, match="not enough memory for the model"):
        run(spec_of(models["modelscope"], 6))
    monkeypatch.setattr(UNet3DConditionModel, "from_config", lambda *a, **n: 1 / 0)
    with pytest.raises(ModelError, match="cannot be loaded"):
        run(spec_of(models["modelscope"], 6))


def test_a_scheduler_of_second_order_looks_twice_a_step_but_at_the_end():
    plan = planned(sampling={"steps": 25})
    ordinary = {"num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "prediction_type": "epsilon"}
    heun = planned(sampling={"steps": 25, "scheduler": "heun"})
    heun = dataclasses.replace(heun, facts=dataclasses.replace(heun.facts, scheduler_config=ordinary))
    assert (forecast(plan).evaluations, forecast(heun).evaluations) == (25, 49)
