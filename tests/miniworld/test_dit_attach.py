"""The joint sibling as a pipeline, and ``attach`` on it."""

from __future__ import annotations

import pytest
import torch

from vstar_sdk import attach
from vstar_sdk.miniworld.joint.pipeline import pipeline
from vstar_sdk.miniworld.parts import WEIGHTS as BASE

CALM, ERUPTING = "a calm volcano under a blue sky", "an erupting volcano"


@pytest.fixture(scope="module")
def pipe(dit_dir):
    made = pipeline(dit_dir, BASE)
    made.set_progress_bar_config(disable=True)
    return made


def make(pipe, prompt=CALM, **changes):
    generator = torch.Generator().manual_seed(0)
    return pipe(prompt, num_frames=5, num_inference_steps=2, generator=generator, output_type="latent", **changes)


def test_it_makes_what_a_run_makes(pipe, session, dit_plugin):
    """Two code paths and two sets of networks for text and decoder; the noise is the run's."""
    spec = {"frames": 5, "model": {"use": "trial/dit", "device": "cpu"}, "synopsis": {"states": [CALM]}, "regularizers": []}
    run = session.run(
        spec | {"output": [], "sampling": {"steps": 2, "scheduler": "flow-euler", "guidance": 3.5}, "seed": 3},
        plugins=[dit_plugin],
    )
    noise = torch.randn(1, 16, 5, 8, 8, generator=torch.Generator().manual_seed(3))
    ours = pipe(CALM, num_frames=5, num_inference_steps=2, generator=torch.Generator().manual_seed(3), output_type="latent")
    assert noise.shape == ours.shape
    torch.testing.assert_close(ours, run.latents, atol=1e-3, rtol=1e-3)


def test_frames_are_decoded(pipe):
    frames = pipe(CALM, num_frames=2, num_inference_steps=1, guidance_scale=1.0)
    assert frames.shape == (2, 3, 64, 64)
    assert (frames >= 0).all()
    assert (frames <= 1).all()


def test_a_synopsis_gives_every_frame_its_text_and_leaves_nothing_behind(pipe):
    plain = make(pipe)
    with attach(pipe, [], [CALM, CALM]):
        assert torch.allclose(make(pipe, "a beach at noon"), plain, atol=1e-5)
    with attach(pipe, [], [CALM, ERUPTING]):
        told = make(pipe)
    assert (told - plain).abs().max() > 1e-3
    assert torch.equal(make(pipe), plain)


def test_tar_is_on_every_block(pipe):
    plain = make(pipe)
    with attach(pipe, [{"use": "tar", "sigma": 1, "window": [0.0, 1.0]}]):
        changed = make(pipe)
    assert (changed - plain).abs().max() > 1e-4


@pytest.mark.slow
def test_relay_reads_all_states(pipe):
    plain = make(pipe)
    with attach(pipe, [], [CALM, ERUPTING], timeline="relay"):
        assert (make(pipe) - plain).abs().max() > 1e-4
