"""attach on MiniMax-H3, whose pipeline is made of blocks: what the tests of all families do not ask."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.attaching.families import FAMILIES, ONE, OTHER, TAR, state
from tests.joint_oracle import materialised
from vstar_sdk import Bias, attach
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.models.minimax_h3.sites import RHYTHM
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


def told(given: str | None) -> dict[str, Any]:
    """A call as the pipeline makes it with what is given: the text holds pictures, and their latents stand before the sound.

    Args:
        given: ``keyframe``; ``references``, a picture and a clip of another size with its sound; or None.
    """
    from diffusers.modular_pipelines.minimax_h3 import before_denoise as steps

    tags = torch.tensor([1, 0, 0, 1, 1] if given else [1] * 5)
    sizes = (7, 4, 4, 37, (1, 2, 2), 2, 2, 0)
    if given == "references":
        clip, picture = torch.zeros(1, 4, 7, 4, 6), torch.zeros(1, 4, 1, 6, 4)
        kinds_of: list[Any] = [SimpleNamespace(kind="image"), SimpleNamespace(kind="video", has_audio=True)]
        made = steps.MiniMaxH3Ref2VAPrepareLayoutStep.build_ref2va_packed_sequence(
            tags, kinds_of, [picture, clip], [torch.zeros(2 * 37, 32)], *sizes
        )
    else:
        made = steps.MiniMaxH3PrepareLayoutStep.build_packed_sequence(tags, *sizes, ("first",) if given else ())
    positions, kinds, video, audio, text, still, heard = made
    times, which = steps.MiniMaxH3SetTimestepsStep.build_row_timesteps(video, audio, still, heard, 5, 0.0, 0.0, 0.999, 1.0)
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
@pytest.mark.parametrize("given", ["keyframe", "references"])
def test_beside_what_is_given_regularizers_act_on_the_generated_frames_and_a_synopsis_is_refused(pipe, given):
    network, seen = pipe.transformer, []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site: Any) -> Any:
            seen.append(site.frames)
            return [Bias(lambda distance: -distance.abs())]

    pipe.scheduler.set_timesteps(3)
    call = told(given)
    plain = network(**call)
    with attach(pipe, [Watching()], fps=24.0):
        nursed = network(**call)
    assert set(seen) == {7}
    video = slice(len(call["token_tags"]) - 7 * 4, len(call["token_tags"]))
    with materialised(Bias(lambda distance: -distance.abs()), Clock(22, 24.0, RHYTHM), video, video.stop) as added:
        wanted = network(**call)
    assert len(added) == 2
    assert (nursed[0] - wanted[0]).abs().max() < 1e-5
    assert (nursed[0] - plain[0]).abs().max() > 1e-4
    with attach(pipe, [], [ONE]):
        network(**told(None))
        with pytest.raises(SamplerError, match="the prompt holds pictures") as refused:
            network(**call)
    assert "omit the synopsis" in str(refused.value.hint)
    assert all(torch.equal(one, other) for one, other in zip(network(**call), plain, strict=True))


def test_fused_projections_are_refused_by_name(pipe):
    pipe.transformer.fuse_qkv_projections()
    with pytest.raises(ModelError, match="fused projections"), attach(pipe, [TAR]):
        HELD.make(pipe)
