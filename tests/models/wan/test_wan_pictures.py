"""Wan with a picture before it: runs against diffusers' own pipeline, called with that picture."""

from __future__ import annotations

import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.pipelines.wan.pipeline_wan_i2v import WanImageToVideoPipeline
from PIL import Image

from tests.denoised import gaussian, scheduler_for
from tests.transformer_models import ONE, OTHER
from vstar_sdk import attach
from vstar_sdk.errors import SpecError
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.wan.encoding import encode_causally, in_scale

FRAMES, SIDE, SEED = 9, 32, 5


@pytest.fixture(autouse=True)
def _text_as_it_is(monkeypatch):
    """The pipeline calls a package that is not needed, and does not look whether it is there."""
    module = import_module("diffusers.pipelines.wan.pipeline_wan_i2v")
    monkeypatch.setattr(module, "ftfy", SimpleNamespace(fix_text=lambda text: text), raising=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two pictures of the video's size."""
    folder, found = tmp_path_factory.mktemp("pictures"), {}
    for at, key in enumerate(("first", "last")):
        noise = np.random.default_rng(at).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        found[key] = folder / f"{key}.png"
        Image.fromarray(noise).save(found[key])
    return found


def story(model, **changes):
    return {
        "model": {"use": "wan", "path": str(model)},
        "synopsis": {"states": [ONE]},
        "negative_prompt": OTHER,
        "frames": FRAMES,
        "size": [SIDE, SIDE],
        "seed": SEED,
        "regularizers": [],
        "sampling": {"steps": 3, "guidance": 4.0, "guidance_batch": "two"},
        "output": [],
    } | changes


def beginning(pictures, *keys):
    return {key: str(pictures[key]) for key in keys}


def pipeline(adapter) -> Any:
    """diffusers' own, of the same components."""
    index = json.loads((adapter.directory / "model_index.json").read_text())
    networks: dict[str, Any] = {name: getattr(adapter.denoiser, name) for name in ("transformer", "transformer_2")}
    eyes: Any = adapter.eyes
    pipe: Any = WanImageToVideoPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        scheduler=scheduler_for("unipc", adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        image_encoder=eyes and eyes.network,
        image_processor=eyes and eyes.processor,
        boundary_ratio=index["boundary_ratio"],
        expand_timesteps=index.get("expand_timesteps", False),
        **networks,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def plain(pipe, shape, pictures, keys, prompt=ONE) -> torch.Tensor:
    """Its latents."""
    opened = {key: Image.open(pictures[key]) for key in keys}
    return pipe(
        image=opened["first"],
        last_image=opened.get("last"),
        prompt=prompt,
        negative_prompt=OTHER,
        height=SIDE,
        width=SIDE,
        num_frames=FRAMES,
        num_inference_steps=3,
        guidance_scale=4.0,
        latents=gaussian(shape, SEED),
        output_type="latent",
    ).frames


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("wan_i2v_21", ("first",)),
        pytest.param("wan_flf", ("first", "last"), marks=pytest.mark.slow),
        pytest.param("wan_i2v_22", ("first",), marks=pytest.mark.slow),
        pytest.param("wan_i2v_22", ("first", "last"), marks=pytest.mark.slow),
        pytest.param("wan_ti2v", ("first",), marks=pytest.mark.slow),
    ],
    indirect=["model"],
)
def test_a_run_is_what_diffusers_pipeline_makes_of_the_picture(session, model, pictures, keys):
    """But for the noise of folding the frames of the text into the batch."""
    spec = story(model, start=beginning(pictures, *keys))
    made = session.run(spec)
    wanted = plain(pipeline(made.load()), made.latents.shape, pictures, keys)
    assert (made.latents - wanted).abs().max() < 1e-5
    assert torch.equal(session.run(spec | {"regularizers": [{"use": "tar", "strength": 0}]}).latents, made.latents)
    strong = session.run(spec | {"regularizers": [{"use": "tar", "sigma": 1, "strength": 4}]})
    assert (strong.latents - made.latents).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        pytest.param("wan_i2v_21", ("first",), marks=pytest.mark.slow),
        *(pytest.param(name, ("first", "last"), marks=pytest.mark.slow) for name in ("wan_flf", "wan_i2v_22")),
    ],
)
def test_attach_nurses_the_pipeline_with_its_picture(opened, pictures, model, keys):
    adapter = opened(model)
    pipe, shape = pipeline(adapter), adapter.latent_shape(FRAMES, SIDE, SIDE)
    wanted, other = (plain(pipe, shape, pictures, keys, prompt) for prompt in (ONE, "an orange landscape in autumn"))
    with attach(pipe, [], synopsis=[ONE]):
        assert (plain(pipe, shape, pictures, keys, "a") - wanted).abs().max() < 1e-5
    with attach(pipe, [{"use": "tar", "strength": 0}]):
        assert torch.equal(plain(pipe, shape, pictures, keys), wanted)
    with attach(pipe, [{"use": "tar", "sigma": 1, "strength": 4}], synopsis=[ONE, "an orange landscape in autumn"]):
        told = plain(pipe, shape, pictures, keys)
    assert min((told - wanted).abs().max(), (told - other).abs().max()) > 1e-3
    assert torch.equal(plain(pipe, shape, pictures, keys), wanted)


def test_the_first_latent_frame_of_ti2v_is_the_pictures(session, wan_ti2v, pictures):
    made = session.run(story(wan_ti2v, start=beginning(pictures, "first")))
    encoded = made.load().encode_frames([np.asarray(Image.open(pictures["first"]))])
    assert torch.equal(made.latents[:, :, :1], encoded)


def test_ti2v_holds_a_last_picture_without_training(session, wan_ti2v, pictures):
    spec = story(wan_ti2v, start=beginning(pictures, "first", "last"))
    plan = session.plan(spec)
    assert plan.beginning is not None
    assert [line.rpartition("; ")[2] for line in plan.beginning.words()] == [
        "read by the network as the first frame",
        "at frames 5-8",
        "keeps frames 5-8, makes 0-4",
    ]
    last = np.asarray(Image.open(pictures["last"]))
    made = session.run(spec)
    assert torch.equal(made.latents[:, :, 2:], made.load().encode_frames([last] * 5)[:, :, 1:])


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        ("wan_i2v_21", (), "start: Wan 2.1 I2V makes a video from a picture, and the spec names none"),
        ("wan_flf", ("first",), "start.last: Wan 2.1 I2V makes a video from a first and a last picture"),
    ],
    indirect=["model"],
)
def test_a_model_that_needs_a_picture_says_so(session, model, pictures, keys, words):
    with pytest.raises(SpecError, match=words):
        session.plan(story(model, start=beginning(pictures, *keys) or None))


def test_clips_and_pictures_are_kept_by_whole_latent_frames(session, wan_21, pictures, tmp_path):
    """On the text-to-video model: what encoder gives for the clip from its beginning, or for its end by itself."""
    stills = [np.asarray(Image.open(pictures[key])) for key in ("first", "last")] * 5
    own = [Image.fromarray(frame.copy()) for frame in stills]
    own[0].save(tmp_path / "clip.gif", save_all=True, append_images=own[1:], duration=60)
    from vstar_sdk.reading.videos import look_at_video

    video = look_at_video(tmp_path / "clip.gif")
    read = list(video.read(0, 10))
    start = {"clip": str(video.path), "clip_frames": "0-6", "into": str(video.path), "into_frames": "3-8"}
    made = session.run(story(wan_21, frames=17, start=start))
    adapter = made.load()
    assert torch.equal(made.latents[:, :, :2], adapter.encode_frames(read[:5]))
    assert torch.equal(made.latents[:, :, 4:], adapter.encode_frames(read[4:9])[:, :, 1:])
    plan = session.plan(story(wan_21, frames=17, start=start))
    assert plan.beginning is not None
    assert plan.beginning.words()[-1] == "keeps frames 0-4, 13-16, makes 5-12"
    with pytest.raises(SpecError, match=r"start\.keep: frames 1-4 form one latent frame of this model"):
        session.plan(story(wan_21, frames=17, start=start | {"keep": "0-2"}))


@pytest.mark.parametrize("patch", [None, 2])
def test_frames_are_encoded_one_latent_frame_at_a_time_as_the_whole_clip_is(patch):
    torch.manual_seed(1)
    given: dict[str, Any] = {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    given |= {"latents_mean": [-0.5, 0.1, 0.0, 0.4], "latents_std": [2.0, 1.0, 3.0, 1.5]}
    if patch:
        given |= {"patch_size": 2, "out_channels": 12, "in_channels": 12, "is_residual": True}
    vae: Any = AutoencoderKLWan(**given).eval()
    frames = np.random.default_rng(0).integers(0, 256, (9, 64, 32, 3), np.uint8)
    clip = torch.tensor(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.no_grad():
        whole = in_scale(vae, vae.encode(clip).latent_dist.mode())
    got = encode_causally(vae, list(frames), Placement((vae,), "cpu", "none"))
    assert (got - whole).abs().max() < 1e-5
