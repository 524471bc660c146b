"""The same spec on every family, from end to end."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter
from diffusers.pipelines.animatediff.pipeline_animatediff import AnimateDiffPipeline
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline
from transformers import CLIPTextModel, CLIPTokenizer

from tests.denoised import gaussian, scheduler_for
from tests.tiny_models import CAPTIONS, spec
from vstar_sdk import Session, hookimpl, load_spec
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.runs.plan import make_plan

FAMILIES = ("modelscope", "animatediff")


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The ``model`` of a spec."""
    return models[request.param]


@pytest.fixture(scope="module")
def session():
    with Session() as shared:
        yield shared


@pytest.mark.parametrize("frames", [16, pytest.param(64, marks=pytest.mark.slow)])
def test_key_states_and_tar_from_end_to_end(session, model, frames):
    nursed = session.run(spec(model, frames))
    plain = session.run(spec(model, frames, regularizers=[]))
    pictures = np.stack(list(nursed.frames()))
    assert pictures.shape == (frames, 16, 16, 3)
    assert not torch.allclose(nursed.latents, plain.latents, atol=1e-3)
    assert len(nursed.manifest["model"]["weights"]) >= 3


def test_strength_0_is_no_regularizer(session, model):
    nothing = session.run(spec(model, regularizers=[])).latents
    assert torch.equal(session.run(spec(model, regularizers=[{"use": "tar", "strength": 0}])).latents, nothing)


def test_every_state_counts(session, model):
    both = session.run(spec(model)).latents
    one = session.run(spec(model, synopsis={"use": "states", "states": CAPTIONS[:1]})).latents
    assert not torch.allclose(both, one, atol=1e-3)


def pipeline(model: dict[str, Any], common: dict[str, Any]) -> Any:
    """What diffusers itself makes of the same files."""
    if model["use"] == "modelscope":
        return TextToVideoSDPipeline(unet=UNet3DConditionModel.from_pretrained(model["path"], subfolder="unet"), **common)
    unet = UNet2DConditionModel.from_pretrained(model["path"], subfolder="unet")
    return AnimateDiffPipeline(unet=unet, motion_adapter=MotionAdapter.from_pretrained(model["adapter"]), **common)


@pytest.mark.parametrize("states", [1, 3])
def test_the_same_caption_for_all_frames_is_diffusers_own_pipeline_bit_for_bit(session, model, states):
    result = session.run(spec(model, regularizers=[], synopsis={"use": "states", "states": CAPTIONS[:1] * states}))
    facts = make_plan(load_spec(spec(model))).facts
    common = {
        "vae": AutoencoderKL.from_pretrained(model["path"], subfolder="vae"),
        "text_encoder": CLIPTextModel.from_pretrained(model["path"], subfolder="text_encoder"),
        "tokenizer": CLIPTokenizer.from_pretrained(model["path"], subfolder="tokenizer"),
        "scheduler": scheduler_for("ddim", facts.scheduler_config),
    }
    pipe = pipeline(model, common)
    pipe.set_progress_bar_config(disable=True)
    made = pipe(
        CAPTIONS[0],
        num_frames=16,
        num_inference_steps=3,
        guidance_scale=3.0,
        latents=gaussian((1, 4, 16, 4, 4), 3),
        output_type="latent",
    )
    assert torch.equal(result.latents, made.frames)


@pytest.mark.parametrize("options", [{}, {"offload": "model"}, {"offload": "group"}])
@pytest.mark.parametrize("frames", [16, pytest.param(64, marks=pytest.mark.slow)])
def test_the_model_after_a_run_is_as_it_was_before(model, options, frames):
    with Session() as session:
        plan = make_plan(load_spec(spec({**model, **options}, frames)))
        result = session.run(plan)
        (adapter,) = (loaded.adapter for loaded in session._models._loaded.values())
        unet: Any = adapter.denoiser
        before = {name: id(value) for name, value in vars(unet).items()}
        processors, buffers = dict(unet.attn_processors), dict(unet.named_buffers())
        weights = {name: value.clone() for name, value in unet.state_dict().items()}
        again = session.run(spec({**model, **options}, frames))
        assert torch.equal(again.latents, result.latents)
    assert {name: id(value) for name, value in vars(unet).items()} == before
    assert all(unet.attn_processors[name] is processor for name, processor in processors.items())
    assert all(value is buffers[name] for name, value in unet.named_buffers())
    assert all(torch.equal(value, weights[name]) for name, value in unet.state_dict().items())
    assert not any(module._forward_pre_hooks for module in unet.modules())


def test_an_impossible_size_names_the_nearest_and_no_frames_are_refused(model):
    with pytest.raises(SpecError, match="multiples of 8") as refused:
        make_plan(load_spec(spec(model, size=[20, 16])))
    assert refused.value.hint == "the nearest size is 16 x 16"
    with pytest.raises(SpecError, match="0 frames: a clip has at least 1"):
        load_spec(spec(model, frames=0))


def test_a_level_that_the_model_does_not_have_is_refused_before_it_is_loaded(model):
    with pytest.raises(SpecError, match="no temporal attention at level 5; it has levels 0, 1"):
        make_plan(load_spec(spec(model, regularizers=[{"use": "tar", "sigma": {5: 1}}])))


def test_a_hub_id_needs_its_commit_and_a_plugin_may_know_where_it_is(model):
    class Assets:
        """Knows where two hub ids are here."""

        @hookimpl
        def resolve_asset(self, reference):
            return {"acme/base@" + "0" * 40: model["path"], "acme/motion@" + "1" * 40: model.get("adapter")}.get(reference)

    hub = {**model, "path": "acme/base", "revision": "0" * 40}
    if "adapter" in hub:
        hub |= {"adapter": "acme/motion", "adapter_revision": "1" * 40}
    assert make_plan(load_spec(spec(hub), plugins=[Assets()])).facts.width == 16
    with pytest.raises(ModelError, match="a hub id needs a revision"):
        make_plan(load_spec(spec({**hub, "revision": None})))


def test_pickles_are_not_read_and_the_remedy_is_named(models, tmp_path):
    copied = tmp_path / "pickled"
    shutil.copytree(models["modelscope"]["path"], copied)
    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"pickles \(\.bin\) are not read") as refused, Session() as session:
        session.run(spec({"use": "modelscope", "path": str(copied)}))
    assert "save_pretrained(FOLDER)" in str(refused.value.hint)


@pytest.mark.parametrize("frames", [16, 64])
def test_what_a_run_takes_is_foreseen_and_agrees_with_the_loaded_model(model, frames):
    from vstar_sdk.models.diffusers.measuring import cost_of, weight_bytes
    from vstar_sdk.runs.forecast import forecast

    plan = make_plan(load_spec(spec(model, frames)))
    estimate = forecast(plan).estimate
    assert estimate is not None
    adapter: Any = plan.source.load("cpu", "float32")
    assert estimate.weights["denoiser"] == pytest.approx(weight_bytes(adapter.denoiser), rel=0.02)
    text = torch.randn(2, frames, 12, 16)
    latents = torch.randn(2, *adapter.latent_shape(frames, 16, 16)[1:])
    call = cost_of(lambda: adapter.denoise(latents, torch.tensor(500), text))
    assert estimate.call_bytes == pytest.approx(call.peak_bytes, rel=0.3)
