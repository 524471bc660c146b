"""attach on tiny Wan pipelines: 2.1 with one network, 2.2 with two experts, and 2.2 TI2V with a timestep for every token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from diffusers.pipelines.wan.pipeline_wan import WanPipeline

import vstar_sdk
from vstar_sdk import Bias, attach
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.options import RegularizerOptions

SUMMER, WINTER = "a green landscape in summer", "a snowy landscape in winter"
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}


@pytest.fixture(params=["2.1", "2.2", "2.2 TI2V"])
def pipe(request: pytest.FixtureRequest, wan_21: Path, wan_22: Path) -> Any:
    """A pipeline to be attached to."""
    directory = wan_22 if request.param == "2.2" else wan_21
    pipe: Any = WanPipeline.from_pretrained(directory)
    if request.param == "2.2 TI2V":
        pipe.register_to_config(expand_timesteps=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def make(pipe: Any, prompt: Any = SUMMER, **changes: Any) -> torch.Tensor:
    own = {"num_frames": 17, "num_inference_steps": 4, "guidance_scale": 4.0, "height": 32, "width": 32, "output_type": "latent"}
    return pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes}).frames


def networks(pipe: Any) -> list[Any]:
    return [network for network in (pipe.transformer, pipe.transformer_2) if network is not None]


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind in the networks."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return [
        (name, type(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for network in networks(pipe)
        for name, module in network.named_modules()
    ]


def test_equal_captions_are_the_plain_pipeline(pipe):
    plain = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER, SUMMER]):
        assert torch.allclose(make(pipe, WINTER), plain, atol=1e-5)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_caption_is_the_pipeline_prompted_with_it(pipe, guidance):
    wanted = make(pipe, WINTER, guidance_scale=guidance)
    assert not torch.allclose(make(pipe, guidance_scale=guidance), wanted, atol=1e-3)
    with attach(pipe, [], [WINTER]):
        assert torch.allclose(make(pipe, guidance_scale=guidance), wanted, atol=1e-5)


def test_the_negative_prompt_is_the_pipelines_own(pipe):
    wanted = make(pipe, SUMMER, negative_prompt="an orange autumn")
    assert not torch.allclose(make(pipe), wanted, atol=1e-3)
    with attach(pipe, [], [SUMMER]):
        assert torch.allclose(make(pipe, WINTER, negative_prompt="an orange autumn"), wanted, atol=1e-5)


def test_states_reach_their_frames(pipe):
    """The last state changes a clip that begins in the same way."""
    with attach(pipe, [], [SUMMER, WINTER]):
        both = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER]):
        one = make(pipe)
    assert not torch.allclose(both[:, :, -1], one[:, :, -1], atol=1e-3)


def test_tar_changes_the_clip_in_both_experts(pipe):
    plain = make(pipe)
    with attach(pipe, [TAR]):
        nursed = make(pipe)
    assert not torch.allclose(nursed, plain, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.allclose(make(pipe), plain, atol=1e-5)


def test_a_regularizer_sees_latent_frames_and_their_time(pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: distance * 0.0)]

    with attach(pipe, [Watching()], fps=16.0):
        make(pipe, num_inference_steps=1)
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", 5, 4.0)}
    assert seen[0].clock.positions == (0.0, 0.625, 1.625, 2.625, 3.625)


@pytest.mark.parametrize("call", ["works", "fails"])
def test_afterwards_the_pipeline_is_as_it_was(pipe, call):
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        make(pipe)
        assert state(pipe) != before
        if call == "fails":
            with pytest.raises(SpecError):
                make(pipe, num_frames=1)
    assert state(pipe) == before
    assert "encode_prompt" not in vars(pipe)
    assert all(type(block.attn1.processor) is WanAttnProcessor for network in networks(pipe) for block in network.blocks)
    assert torch.equal(make(pipe), plain)


def test_methods_that_its_user_put_there_are_there_again(pipe):
    encode, within = pipe.encode_prompt, pipe.transformer.cache_context
    pipe.encode_prompt, pipe.transformer.cache_context = encode, within
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        make(pipe, num_inference_steps=1)
    assert vars(pipe)["encode_prompt"] is encode
    assert vars(pipe.transformer)["cache_context"] is within


def test_offloaded_it_makes_the_same_and_is_as_it_was(pipe):
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        wanted = make(pipe)
    plain = make(pipe)
    for network in networks(pipe):
        cpu_offload(network, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        assert torch.equal(make(pipe), wanted)
        assert torch.equal(make(pipe), wanted)
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_a_synopsis_tells_one_video(pipe):
    with attach(pipe, [], [SUMMER]), pytest.raises(SamplerError, match="for 2 videos at once"):
        make(pipe, [SUMMER, WINTER])


def test_fused_projections_are_refused_by_name(wan_21):
    pipe: Any = WanPipeline.from_pretrained(wan_21)
    pipe.set_progress_bar_config(disable=True)
    pipe.transformer.fuse_qkv_projections()
    with attach(pipe, [TAR]), pytest.raises(ModelError, match="fused projections, which regularizers would remove"):
        make(pipe)


def test_a_network_for_pictures_is_refused(wan_21, tmp_path):
    pipe: Any = WanPipeline.from_pretrained(wan_21)
    pipe.transformer.register_to_config(image_dim=8)
    with pytest.raises(ModelError, match="needs a picture in addition to the prompt"), attach(pipe, [TAR]):
        pass


def test_more_frames_than_there_are_positions(wan_21):
    pipe: Any = WanPipeline.from_pretrained(wan_21)
    pipe.set_progress_bar_config(disable=True)
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="has positions for 64 frames"):
        make(pipe, num_frames=257, height=16, width=16, num_inference_steps=1)


def test_the_index_of_the_tiny_models_is_wans(wan_22):
    assert json.loads((wan_22 / "model_index.json").read_text())["_class_name"] == "WanPipeline"
    assert "WanTransformer3DModel" in str(vstar_sdk.attach.__doc__)
