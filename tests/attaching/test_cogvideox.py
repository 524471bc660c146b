"""attach on tiny CogVideoX pipelines: 2B, 5B with rotary positions, and image to video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
from diffusers.pipelines.cogvideo.pipeline_cogvideox import CogVideoXPipeline
from diffusers.pipelines.cogvideo.pipeline_cogvideox_image2video import CogVideoXImageToVideoPipeline
from diffusers.schedulers.scheduling_dpm_cogvideox import CogVideoXDPMScheduler
from PIL import Image

from tests.joint_oracle import materialised
from tests.tiny_cogvideox import TRANSFORMER
from vstar_sdk import Bias, attach
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.options import RegularizerOptions

SUMMER, WINTER = "a green landscape in summer", "a snowy landscape in winter"
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
TEXT, TOKENS = 226, 226 + 5 * 4


both = pytest.mark.parametrize("pipe", ["2B", "5B"], indirect=True)


@pytest.fixture
def pipe(request: pytest.FixtureRequest, cogvideox_2b: Path, cogvideox_5b: Path) -> Any:
    """A pipeline to be attached to: the 5B's kind, unless a test says otherwise."""
    pipe: Any = CogVideoXPipeline.from_pretrained(cogvideox_2b if getattr(request, "param", "") == "2B" else cogvideox_5b)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def make(pipe: Any, prompt: Any = SUMMER, **changes: Any) -> torch.Tensor:
    own = {"num_frames": 17, "num_inference_steps": 4, "guidance_scale": 4.0, "height": 32, "width": 32, "output_type": "latent"}
    return pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes}).frames


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind in the network."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return [
        (name, id(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for name, module in pipe.transformer.named_modules()
    ]


@pytest.mark.parametrize(
    ("pipe", "guidance"),
    [("2B", {"guidance_scale": 4.0}), ("5B", {"guidance_scale": 1.0}), ("5B", {"use_dynamic_cfg": True})],
    indirect=["pipe"],
)
def test_equal_captions_are_the_plain_pipeline_bit_for_bit(pipe, guidance):
    plain, other = make(pipe, **guidance), make(pipe, WINTER, **guidance)
    assert not torch.allclose(plain, other, atol=1e-3)
    with attach(pipe, [], [SUMMER, SUMMER, SUMMER]):
        assert torch.equal(make(pipe, WINTER, **guidance), plain)
    with attach(pipe, [], [WINTER]):
        assert torch.equal(make(pipe, **guidance), other)


def test_the_negative_prompt_is_the_pipelines_own(pipe):
    wanted = make(pipe, SUMMER, negative_prompt="an orange autumn")
    assert not torch.allclose(make(pipe), wanted, atol=1e-3)
    with attach(pipe, [], [SUMMER]):
        assert torch.equal(make(pipe, WINTER, negative_prompt="an orange autumn"), wanted)


def test_several_states_are_refused_by_name_with_the_remedy(pipe):
    before = state(pipe)
    with (
        pytest.raises(ModelError, match=r"CogVideoXPipeline does not support 2 different states: .* the same text") as refused,
        attach(pipe, [TAR], [SUMMER, WINTER]),
    ):
        pass
    assert "Prompt Relay" in str(refused.value.hint)
    assert state(pipe) == before


@both
def test_tar_changes_the_clip_and_strength_0_changes_no_bit(pipe):
    plain = make(pipe)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(pipe), plain)


@both
def test_tar_equals_the_materialised_formula(pipe):
    clock = Clock(17, 8.0, Rhythm.causal(4))
    with attach(pipe, [TAR]):
        got = make(pipe, num_inference_steps=1)
    bias = Bias(lambda d: (-d.square() / 2).exp(), stat="spread", strength=4.0)
    with materialised(bias, clock, slice(TEXT, TOKENS), TOKENS) as added:
        wanted = make(pipe, num_inference_steps=1)
    assert len(added) == 2
    assert all(one[..., :TEXT].count_nonzero() == one[..., :TEXT, :].count_nonzero() == 0 for one in added)
    assert torch.allclose(got, wanted, atol=1e-5)


def test_a_regularizer_sees_latent_frames_and_their_time(pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: distance * 0.0)]

    with attach(pipe, [Watching()], fps=8.0):
        make(pipe, num_inference_steps=1)
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", 5, 2.0)}
    assert seen[0].clock.positions == (0.0, 0.625, 1.625, 2.625, 3.625)


@pytest.mark.parametrize("call", ["works", "fails"])
def test_afterwards_the_pipeline_is_as_it_was(pipe, call):
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [TAR], [SUMMER]):
        make(pipe)
        assert state(pipe) != before
        if call == "fails":
            with pytest.raises(SamplerError, match="for 2 videos at once"):
                make(pipe, [SUMMER, WINTER])
    assert state(pipe) == before
    assert "encode_prompt" not in vars(pipe)
    assert all(type(block.attn1.processor) is CogVideoXAttnProcessor2_0 for block in pipe.transformer.transformer_blocks)
    assert torch.equal(make(pipe), plain)


def test_dpm_offloading_and_callbacks(pipe):
    """Another scheduler, whose steps the pipeline takes in its own way, weights that come and go, and a callback."""
    pipe.scheduler = CogVideoXDPMScheduler.from_config(pipe.scheduler.config)
    plain, before = make(pipe), state(pipe)
    steps: list[int] = []

    def watch(pipe, step, timestep, values):
        steps.append(step)
        return values

    with attach(pipe, [TAR], [SUMMER]):
        wanted = make(pipe, callback_on_step_end=watch)
    assert steps == [0, 1, 2, 3]
    assert not torch.allclose(wanted, plain, atol=1e-3)
    assert state(pipe) == before
    cpu_offload(pipe.transformer, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [SUMMER]):
        assert torch.equal(make(pipe), wanted)
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_fused_projections_are_refused_by_name(pipe):
    pipe.transformer.fuse_qkv_projections()
    with pytest.raises(ModelError, match="transformer has fused projections"), attach(pipe, [TAR]):
        pass


def test_a_window_of_blocks_and_an_impossible_one(pipe):
    plain = make(pipe)
    with attach(pipe, [{**TAR, "blocks": [1, 1]}]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)
    with attach(pipe, [{**TAR, "blocks": [0, 2]}]), pytest.raises(SpecError, match="no block 2; it has blocks 0 to 1"):
        make(pipe)


def test_image_to_video(cogvideox_5b):
    """Its latents have the picture's behind them, channel by channel; frames and text are where they are."""
    parts: Any = CogVideoXPipeline.from_pretrained(cogvideox_5b).components
    network: Any = CogVideoXTransformer3DModel(**TRANSFORMER | {"in_channels": 8, "use_rotary_positional_embeddings": True})
    pipe: Any = CogVideoXImageToVideoPipeline(**parts | {"transformer": network})
    pipe.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    plain = make(pipe, image=picture)
    with attach(pipe, [TAR], [SUMMER]):
        assert not torch.allclose(make(pipe, WINTER, image=picture), plain, atol=1e-4)
    with attach(pipe, [], [SUMMER]):
        assert torch.equal(make(pipe, WINTER, image=picture), plain)


def test_cogvideox_1_5_is_refused_with_the_reason(cogvideox_5b):
    pipe: Any = CogVideoXPipeline.from_pretrained(cogvideox_5b)
    pipe.transformer.register_to_config(patch_size_t=2)
    with pytest.raises(ModelError, match="joins 2 latent frames in one token"), attach(pipe, [TAR]):
        pass
