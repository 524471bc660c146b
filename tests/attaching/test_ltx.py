"""attach on tiny LTX pipelines: text to video, and image to video with a timestep for every token."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.transformers.transformer_ltx import LTXVideoAttnProcessor
from diffusers.pipelines.ltx.pipeline_ltx import LTXPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx_image2video import LTXImageToVideoPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from PIL import Image

from vstar_sdk import Bias, attach
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.options import RegularizerOptions

SUMMER, WINTER = "a green landscape in summer", "a snowy winter"
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}


@pytest.fixture(scope="module")
def original(tiny_ltx: Path) -> Any:
    pipe: Any = LTXPipeline.from_pretrained(tiny_ltx)
    return pipe


def copied(pipe: Any, kind: Any = LTXPipeline) -> Any:
    own = ("transformer", "scheduler")
    fresh = kind(**{name: copy.deepcopy(part) if name in own else part for name, part in pipe.components.items()})
    fresh.set_progress_bar_config(disable=True)
    return fresh


@pytest.fixture(params=[LTXPipeline, LTXImageToVideoPipeline])
def pipe(request: pytest.FixtureRequest, original: Any) -> Any:
    """A pipeline to be attached to."""
    return copied(original, request.param)


plainly = pytest.mark.parametrize("pipe", [LTXPipeline], indirect=True)


def make(pipe: Any, prompt: Any = SUMMER, **changes: Any) -> torch.Tensor:
    own = {"num_frames": 17, "num_inference_steps": 3, "guidance_scale": 3.0, "height": 64, "width": 32, "output_type": "latent"}
    if isinstance(pipe, LTXImageToVideoPipeline):
        own["image"] = Image.new("RGB", (32, 64), "green")
    made: Any = pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes})
    return made.frames


def of_frames(latents: torch.Tensor) -> torch.Tensor:
    """Tokens by their latent frame: ``(frames, positions, channels)``."""
    return latents.reshape(3, 2, -1)


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind in the network."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return [
        (name, type(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for name, module in pipe.transformer.named_modules()
    ]


def test_equal_captions_are_the_plain_pipeline(pipe):
    plain = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER, SUMMER]):
        assert torch.allclose(make(pipe, WINTER), plain, atol=1e-6)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_caption_is_the_pipeline_prompted_with_it(pipe, guidance):
    wanted = make(pipe, WINTER, guidance_scale=guidance)
    assert not torch.allclose(make(pipe, guidance_scale=guidance), wanted, atol=1e-3)
    with attach(pipe, [], [WINTER]):
        assert torch.allclose(make(pipe, guidance_scale=guidance), wanted, atol=1e-6)


@plainly
def test_the_negative_prompt_is_the_pipelines_own(pipe):
    wanted = make(pipe, SUMMER, negative_prompt="an orange autumn")
    assert not torch.allclose(make(pipe), wanted, atol=1e-4)
    with attach(pipe, [], [SUMMER]):
        assert torch.allclose(make(pipe, WINTER, negative_prompt="an orange autumn"), wanted, atol=1e-6)


@plainly
def test_states_reach_their_frames(pipe):
    """Captions of different lengths; the last state changes a clip that begins in the same way."""
    with attach(pipe, [], [SUMMER, WINTER]):
        both = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER]):
        one = make(pipe)
    assert both.isfinite().all()
    assert not torch.allclose(of_frames(both)[-1], of_frames(one)[-1], atol=1e-3)


def test_tar_changes_the_clip_and_strength_0_nothing(pipe):
    plain = make(pipe)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(pipe), plain)


@plainly
def test_a_regularizer_sees_latent_frames_and_their_time(pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: distance * 0.0)]

    with attach(pipe, [Watching()], fps=16.0):
        make(pipe, num_inference_steps=2)
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", 3, 2.0)}
    assert seen[0].clock.positions == (0.0, 0.5625, 1.5625)


@pytest.mark.parametrize("call", ["works", "fails"])
def test_afterwards_the_pipeline_is_as_it_was(pipe, call):
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        make(pipe)
        assert state(pipe) != before
        if call == "fails":
            with pytest.raises((SpecError, SamplerError)):
                make(pipe, num_frames=1)
    assert state(pipe) == before
    assert "encode_prompt" not in vars(pipe)
    assert all(type(block.attn1.processor) is LTXVideoAttnProcessor for block in pipe.transformer.transformer_blocks)
    assert torch.equal(make(pipe), plain)


def test_offloaded_it_makes_the_same_and_is_as_it_was(original):
    pipe = copied(original)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        wanted = make(pipe)
    plain = make(pipe)
    cpu_offload(pipe.transformer, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        assert torch.equal(make(pipe), wanted)
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_a_synopsis_tells_one_video(original):
    pipe = copied(original)
    with attach(pipe, [], [SUMMER]), pytest.raises(SamplerError, match="for 2 videos at once"):
        make(pipe, [SUMMER, WINTER])


def test_fused_projections_are_refused_by_name(original):
    pipe = copied(original)
    pipe.transformer.fuse_qkv_projections()
    with attach(pipe, [TAR]), pytest.raises(ModelError, match="fused projections, which regularizers would remove"):
        make(pipe)


def test_tokens_of_conditions_are_refused(original):
    """They belong to no frame of the clip."""
    pipe = copied(original, LTXConditionPipeline)
    pipe.scheduler = FlowMatchEulerDiscreteScheduler()
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="not known to be whole latent frames") as refused:
        make(pipe)
    assert "LTXPipeline" in (refused.value.hint or "")
