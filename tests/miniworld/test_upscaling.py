"""The learned upscaler of the embedded world, on renders that no training has seen, as the model's decoder shows them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from training.upscale import VAE
from vstar_sdk import ModelError, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.parts import WEIGHTS as MODEL
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.miniworld.upscaling.finisher import MiniworldUpscale, MiniworldUpscaleOptions
from vstar_sdk.miniworld.upscaling.network import WEIGHTS, Upscaler, UpscalerNet, upscaler
from vstar_sdk.miniworld.world import scene
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.weights.directory import file_hash

NAMES = list(families())
STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 4,
    "synopsis": {"use": "miniworld", "states": 3},
    "regularizers": [],
    "sampling": {"steps": 2},
}


def clip(frames):
    return Footage(frames=len(frames), width=frames.shape[2], height=frames.shape[1], fps=8.0)


def finished(frames):
    part = MiniworldUpscale(MiniworldUpscaleOptions())
    return np.stack(list(part.finish(iter(frames), clip(frames))))


def bicubic(frames):
    return np.stack([np.asarray(Image.fromarray(one).resize((128, 128), Image.Resampling.BICUBIC)) for one in frames])


def psnr(made, truth):
    return float((-10 * np.log10((((made.astype(float) - truth) / 255) ** 2).mean((1, 2, 3)))).mean())


@cache
def held_out(name):
    """Renders of three frames of a layout, and the same at twice the size."""
    stages, clock = np.array([0.1, 0.5, 0.85]), np.array([3.0, 90.0, 210.0])
    layout = scene(name, 2**31 + 500)
    small, large = (layout.render(stages, clock, scale=scale) for scale in (1, 2))
    return small, large


@cache
def decoded(name):
    """The renders of `held_out` through encoder and decoder."""
    small, _ = held_out(name)
    vae = miniworld(FramewiseOptions()).load("cpu", "float32").networks.vae
    with torch.inference_mode():
        shown = vae.decode(vae.encode(torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1))[0].clamp(-1, 1)
    return ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def sharpness(frames):
    """The root of the mean square step between neighbours: a blurred edge is as high as a sharp one, in smaller steps."""
    return np.sqrt((np.diff(frames.astype(float), axis=1) ** 2).mean() + (np.diff(frames.astype(float), axis=2) ** 2).mean())


@pytest.mark.parametrize("name", NAMES)
def test_renders_become_much_nearer_to_the_truth_than_by_bicubic_enlargement(name):
    small, large = held_out(name)
    assert psnr(finished(small), large) > psnr(bicubic(small), large) + 1


@pytest.mark.parametrize("name", [*NAMES[:2], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[2:])])
def test_what_the_decoder_shows_comes_nearer_to_the_truth_and_becomes_neither_softer_nor_harder_than_it(name):
    shown, (_, large) = decoded(name), held_out(name)
    made, plain = finished(shown), bicubic(shown)
    assert psnr(made, large) > psnr(plain, large) + 0.05
    assert 1.04 * sharpness(plain) < sharpness(made) < sharpness(large)


def test_random_weights_do_nothing_of_that():
    small, large = held_out("beach")
    torch.manual_seed(0)
    network = UpscalerNet()
    torch.nn.init.normal_(network.leave.weight, std=0.02)
    with torch.no_grad():
        out = network(torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1).clamp(-1, 1)
    made = ((out + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    assert psnr(made, large) < psnr(bicubic(small), large)


@pytest.mark.parametrize("name", NAMES[:2])
def test_colours_stay(name):
    shown = decoded(name)
    assert np.abs(finished(shown).mean((1, 2)) - shown.mean((1, 2))).max() < 2


def test_a_frame_does_not_depend_on_the_others():
    small, _ = held_out("city")
    together = finished(small)
    assert together.dtype == np.uint8
    assert together.shape == (3, 128, 128, 3)
    assert all((finished(small[i : i + 1])[0] == together[i]).all() for i in range(3))


def test_it_takes_other_sizes():
    frames = np.random.default_rng(0).integers(0, 256, (2, 33, 50, 3), dtype=np.uint8)
    assert finished(frames).shape == (2, 66, 100, 3)
    planned = MiniworldUpscale(MiniworldUpscaleOptions()).plan(clip(frames))
    assert planned == Footage(frames=2, width=100, height=66, fps=8.0)


def test_an_option_that_it_does_not_have_is_refused():
    with pytest.raises(SpecError, match=r"finish\[0\]\.factor"):
        load_spec(STORY | {"finish": [{"use": "miniworld-upscale", "factor": 4}]})


def test_in_a_run_it_finishes_the_models_frames(session, tmp_path):
    spec = STORY | {"finish": [{"use": "miniworld-upscale"}], "output": [{"use": "frames"}]}
    assert make_plan(load_spec(spec)).final.width == 128
    result = session.run(spec, out=tmp_path / "run")
    own = np.stack(list(session.run(STORY).frames()))
    made = np.stack(list(result.frames()))
    assert (made == finished(own)).all()
    pictures = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "run" / "frames").iterdir())]
    assert (np.stack(pictures) == made).all()


def test_it_is_small_and_of_the_decoder_that_ships():
    """Whoever trains a new decoder has to train the upscaler, too: ``python -m training.upscale``."""
    assert WEIGHTS.stat().st_size < 1_000_000
    assert upscaler().about["vae"] == file_hash(MODEL / VAE)
    assert sum(path.stat().st_size for path in MODEL.parent.rglob("*.safetensors")) < 30_000_000


def test_bad_weights_are_an_error_that_names_the_file(tmp_path):
    for path, write in (
        (tmp_path / "nothing.safetensors", None),
        (tmp_path / "bytes.safetensors", lambda path: path.write_bytes(b"no weights")),
        (tmp_path / "other.safetensors", lambda path: save_file(load_file(WEIGHTS), path)),
    ):
        if write:
            write(path)
        with pytest.raises(ModelError, match=path.name):
            Upscaler(path)
