"""Cosmos Predict 2.5, loaded: against diffusers' pipeline, a text for every latent frame, the guardrail."""

from __future__ import annotations

import importlib.machinery
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.attaching.families import FAMILIES
from tests.denoised import denoised, scheduler_for
from tests.transformer_models import ONE, OTHER, changed, check_frames, cosmos_packages, latents, one_text
from vstar_sdk import MissingDependency, ModelError, load_spec
from vstar_sdk.models.cosmos.options import CosmosOptions
from vstar_sdk.models.cosmos.source import CosmosSource
from vstar_sdk.models.diffusers.measuring import weight_bytes
from vstar_sdk.models.estimates import Workload
from vstar_sdk.runs.plan import make_plan

HELD = FAMILIES["cosmos 2.5"]


@pytest.fixture
def installed():
    """See `cosmos_packages`."""
    with cosmos_packages():
        yield


@pytest.fixture
def adapter(cosmos_dir, installed) -> Any:
    return CosmosSource(CosmosOptions(path=str(cosmos_dir))).load("cpu", "float32")


def test_with_one_prompt_it_samples_what_its_pipeline_does(adapter, cosmos_dir):
    pipe = HELD.load(cosmos_dir)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": 17, "guidance_scale": 3.0}
    wanted = pipe(**asked, num_inference_steps=4, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("flow-unipc", adapter.scheduler_config)
    got = denoised(adapter, text.expand(5, -1, -1), negative, noise, built, steps=4, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-4
    pictures = pipe(**asked, num_inference_steps=4, latents=noise, output_type="np").frames[0]
    check_frames(adapter.decode(got), pictures)


def test_every_latent_frame_reads_its_own_text(adapter):
    one, other = adapter.encode([ONE, OTHER])
    seen: list[torch.Tensor] = []
    attention = adapter.denoiser.transformer_blocks[0].attn2
    hook = attention.register_forward_hook(lambda _, args, out: seen.append(out.detach()))
    texts = torch.stack([one] * 3 + [other] * 2)
    for text in (texts, one.expand_as(texts), other.expand_as(texts)):
        adapter.denoise(latents(adapter), torch.tensor(500.0), text[None])
    hook.remove()
    mixed, only_one, only_other = seen
    torch.testing.assert_close(mixed[:3], only_one[:3], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(mixed[3:], only_other[3:], atol=1e-6, rtol=1e-5)
    assert not torch.allclose(only_one, only_other)


def test_equal_texts_are_one_text_in_a_batch_too(adapter):
    x = latents(adapter).expand(2, -1, -1, -1, -1)
    both = adapter.denoise(x, torch.tensor(700.0), one_text(adapter, OTHER, ONE))
    for index, prompt in enumerate((OTHER, ONE)):
        alone = adapter.denoise(x[:1], torch.tensor(700.0), one_text(adapter, prompt))
        torch.testing.assert_close(both[index : index + 1], alone, atol=1e-5, rtol=1e-5)


def test_the_guardrail_is_asked(adapter):
    with pytest.raises(ModelError, match="the guardrail of Cosmos refuses 'a weapon'"):
        adapter.encode(["a weapon"])


def test_without_the_guardrail_it_is_not_loaded(cosmos_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(__spec__=importlib.machinery.ModuleSpec("torchvision", None)))
    with pytest.raises(MissingDependency, match="cosmos needs the package 'cosmos_guardrail', which its licence asks for"):
        CosmosSource(CosmosOptions(path=str(cosmos_dir))).load("cpu", "float32")


def test_a_prompt_that_is_too_long_says_what_is_cut(adapter):
    assert adapter.cut_off(ONE) == ""
    end = adapter.cut_off("s" * 600)
    seen = "s" * (600 - len(end))
    assert 0 < len(end) < 600
    assert torch.equal(adapter.encode([seen + end]), adapter.encode([seen + "r" * len(end)])), "the end is not read"
    assert not torch.equal(adapter.encode([seen + end]), adapter.encode([seen[:-1] + "r" + end])), "what is before it is"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"img_context_dim_in": 8}, "reads an image in addition to the text"),
        ({"controlnet_block_every_n": 2}, "takes the output of a control network"),
        ({"patch_size": [2, 2, 2]}, "joins 2 latent frames in one token"),
        ({"_class_name": "OtherModel"}, "its transformer is a OtherModel"),
    ],
)
def test_other_models_are_refused(cosmos_dir, tmp_path, change, message):
    folder = changed(cosmos_dir, tmp_path / "model", "transformer/config.json", change)
    with pytest.raises(ModelError, match=message):
        CosmosSource(CosmosOptions(path=str(folder))).facts()


def test_the_plan_and_the_estimate(cosmos_dir, adapter):
    spec = {
        "model": {"use": "cosmos", "path": str(cosmos_dir)},
        "synopsis": {"use": "states", "states": [ONE, OTHER]},
        "timeline": {"use": "relay"},
        "frames": 17,
        "size": [32, 32],
        "regularizers": [{"use": "tar", "sigma": 1}],
        "sampling": {"steps": 2},
    }
    plan = make_plan(load_spec(spec))
    assert {site.site.kind for site in plan.attention.sites} == {"joint", "cross"}
    counted = plan.source.estimate(Workload(frames=17, width=32, height=32, branches=1, dtype="float32"))  # pyright: ignore
    patch = adapter.denoiser.patch_embed.proj.weight
    padding = patch.nbytes // adapter.denoiser.config.in_channels if patch.ndim == 2 else 0
    assert abs(counted.weights["denoiser"] - weight_bytes(adapter.denoiser)) <= max(padding, 0.05 * counted.weights["denoiser"])
    assert counted.call_flops > 0
    assert counted.decode_bytes > 0


@pytest.mark.slow
@pytest.mark.parametrize("timeline", ["blend", "relay"])
def test_one_spec_from_states_to_frames(session, cosmos_dir, installed, timeline):
    spec = {
        "model": {"use": "cosmos", "path": str(cosmos_dir)},
        "synopsis": {"use": "states", "states": [ONE, OTHER]},
        "timeline": {"use": timeline},
        "frames": 17,
        "size": [32, 32],
        "regularizers": [{"use": "tar", "sigma": 1}],
        "sampling": {"steps": 2},
    }
    frames = list(session.run(spec).frames())
    assert len(frames) == 17
    assert frames[0].shape == (32, 32, 3)


@pytest.mark.slow
def test_a_first_picture_is_kept(session, cosmos_dir, installed, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    spec = {
        "model": {"use": "cosmos", "path": str(cosmos_dir)},
        "synopsis": {"use": "states", "states": [ONE]},
        "frames": 17,
        "size": [32, 32],
        "regularizers": [],
        "sampling": {"steps": 2},
        "output": [],
    }
    made, plain = (session.run(spec | {"start": start}) for start in ({"first": str(tmp_path / "a.png")}, None))
    assert torch.equal(made.latents[:, :, :1], made.load().encode_frames([picture]))
    assert made.latents.isfinite().all()
    assert (made.latents[:, :, 1:] - plain.latents[:, :, 1:]).abs().max() > 1e-3
