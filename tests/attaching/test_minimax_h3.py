"""attach on MiniMax-H3, whose pipeline is made of blocks: what the tests of all families do not ask."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.attaching.families import FAMILIES, ONE, OTHER, TAR, state
from vstar_sdk import Bias, attach
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.options import RegularizerOptions

HELD = FAMILIES["minimax-h3"]
pytestmark = pytest.mark.slow


@pytest.fixture
def pipe(minimax_h3_dir: Any) -> Any:
    return HELD.copied(HELD.load(minimax_h3_dir))


def test_relay_stands_beside_tar_and_leaves_the_pipeline_as_it_was(pipe):
    plain, before = HELD.make(pipe), state(pipe)
    with attach(pipe, [], [ONE, ONE], timeline="relay"):
        assert torch.equal(HELD.make(pipe, OTHER), plain)
    with attach(pipe, [], [ONE, OTHER], timeline={"use": "relay", "decay": "boundary"}):
        both = HELD.make(pipe)
    with attach(pipe, [TAR], [ONE, OTHER], timeline={"use": "relay", "decay": "boundary"}):
        nursed = HELD.make(pipe)
    assert both.isfinite().all()
    assert (both - plain).abs().max() > 1e-4
    assert (nursed - both).abs().max() > 1e-4
    assert state(pipe) == before
    assert torch.equal(HELD.make(pipe), plain)


def told(network: Any, *, keyframe: bool) -> dict[str, Any]:
    """A call as the pipeline makes it with a keyframe: its text holds the picture, and its latents stand before the sound."""
    from diffusers.modular_pipelines.minimax_h3.before_denoise import MiniMaxH3PrepareLayoutStep, MiniMaxH3SetTimestepsStep

    tags = torch.tensor([1, 0, 0, 1, 1] if keyframe else [1] * 5)
    anchors = ("first",) if keyframe else ()
    positions, kinds, video, audio, text, given, _ = MiniMaxH3PrepareLayoutStep.build_packed_sequence(
        tags, 7, 4, 4, 37, (1, 2, 2), 2, 2, 0, anchors
    )
    times, which = MiniMaxH3SetTimestepsStep.build_row_timesteps(video, audio, given, 0, 5, 0.0, 0.0, 0.999, 1.0)
    seed = torch.Generator().manual_seed(3)
    return {
        "hidden_states": torch.randn(1, len(video), 16, generator=seed),
        "audio_hidden_states": torch.randn(1, len(audio), 32, generator=seed),
        "encoder_hidden_states": torch.randn(1, 5, 16, generator=seed),
        "timestep": times,
        "timestep_indices": which,
        "token_tags": kinds,
        "position_ids": positions,
        "video_indices": video,
        "audio_indices": audio,
        "text_indices": text,
        "return_dict": False,
    }


@torch.no_grad()
def test_beside_a_keyframe_regularizers_act_on_the_generated_frames_and_a_synopsis_is_refused(pipe):
    network, seen = pipe.transformer, []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site: Any) -> Any:
            seen.append(site.frames)
            return [Bias(lambda distance: -distance.abs())]

    pipe.scheduler.set_timesteps(3)
    call = told(network, keyframe=True)
    plain = network(**call)
    with attach(pipe, [Watching()], fps=24.0):
        nursed = network(**call)
    assert set(seen) == {7}
    assert (nursed[0] - plain[0]).abs().max() > 1e-4
    with attach(pipe, [], [ONE]):
        network(**told(network, keyframe=False))
        with pytest.raises(SamplerError, match="the prompt holds pictures") as refused:
            network(**call)
    assert "omit the synopsis" in str(refused.value.hint)
    assert all(torch.equal(one, other) for one, other in zip(network(**call), plain, strict=True))


def test_fused_projections_are_refused_by_name(pipe):
    pipe.transformer.fuse_qkv_projections()
    with pytest.raises(ModelError, match="fused projections"), attach(pipe, [TAR]):
        HELD.make(pipe)
