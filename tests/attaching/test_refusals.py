"""What attach cannot do is refused by name, and the pipeline stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.animatediff.pipeline_animatediff_controlnet import AnimateDiffControlNetPipeline
from diffusers.pipelines.pag.pipeline_pag_sd_animatediff import AnimateDiffPAGPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from tests.attaching.conftest import make
from vstar_sdk import State, Synopsis, attach
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.regularizers.identity import Identity
from vstar_sdk.regularizers.replacement import ReplacementOptions

TAR = {"use": "tar", "sigma": {0: 1}}


def refused(pipe: Any, *args: Any, **kwargs: Any) -> ModelError:
    before = dict(pipe.unet.attn_processors)
    with pytest.raises(ModelError) as caught, attach(pipe, *args, **kwargs):
        pytest.fail("attached")
    assert all(pipe.unet.attn_processors[name] is processor for name, processor in before.items())
    assert not pipe.unet._forward_pre_hooks
    assert caught.value.hint
    return caught.value


def test_fused_projections(pipe):
    pipe.unet.fuse_qkv_projections()
    assert "unet has fused projections" in str(refused(pipe, [TAR]))
    pipe.unet.unfuse_qkv_projections()
    with attach(pipe, [TAR]):
        make(pipe)


def test_sliced_attention(pipe):
    for module in pipe.unet.modules():
        if hasattr(module, "set_attention_slice") and hasattr(module, "heads"):
            module.set_attention_slice(1)
    assert "unet has sliced attention" in str(refused(pipe, [TAR]))


def test_free_noise(animatediff):
    animatediff.enable_free_noise(context_length=4, context_stride=2)
    assert "unet has FreeNoise" in str(refused(animatediff, [TAR]))
    animatediff.disable_free_noise()
    with attach(animatediff, [TAR]):
        make(animatediff)


def test_context_parallelism(pipe):
    pipe.unet._parallel_config = object()  # what enable_parallelism sets; it needs several devices
    assert "unet has context parallelism" in str(refused(pipe, [TAR]))


def test_a_fused_kernel_on_a_cpu(pipe):
    with attach(pipe, [TAR], fused=True), pytest.raises(ModelError, match="fused needs a CUDA GPU, and the run is on cpu"):
        make(pipe)
    with attach(pipe, [TAR]):
        make(pipe)


def test_a_denoiser_compiled_as_a_whole(pipe):
    pipe.unet.compile(backend="eager")
    assert "unet has a denoiser compiled as a whole" in str(refused(pipe, [TAR]))


def test_a_denoiser_in_a_wrapper_of_torch_compile(pipe):
    unet = pipe.unet
    pipe.unet = torch.compile(unet, backend="eager")
    with pytest.raises(ModelError, match=r"unet is wrapped by torch\.compile") as caught, attach(pipe, [TAR]):
        pass
    assert "pipe.unet = pipe.unet._orig_mod" in str(caught.value.hint)
    pipe.unet = unet
    with attach(pipe, [TAR]):
        make(pipe)


def test_perturbed_attention_guidance_before_and_after_a_call(animatediff):
    layer = "down_blocks.0.attentions.0"
    perturbed: Any = AnimateDiffPAGPipeline(**animatediff.components, pag_applied_layers=layer)
    perturbed.set_progress_bar_config(disable=True)
    assert "unet has perturbed attention guidance" in str(refused(perturbed, [TAR]))
    make(perturbed, guidance_scale=1.0, pag_scale=3.0)
    assert "AnimateDiffPipeline.from_pipe(pipe)" in str(refused(perturbed, [TAR], ["a landscape"]).hint)


def test_an_ip_adapter_that_is_loaded_inside_the_block_is_named(animatediff):
    with attach(animatediff, [TAR]):
        make(animatediff)
        animatediff.unet.set_attn_processor(AttnProcessor2_0())  # load_ip_adapter exchanges all of them likewise
        with pytest.raises(SamplerError, match=r"attention processor was replaced by AttnProcessor2_0 during the run") as caught:
            make(animatediff)
    assert "load_ip_adapter and the like do this: call them before" in str(caught.value.hint)
    with attach(animatediff, [TAR]):
        make(animatediff)


def test_attach_inside_attach(pipe):
    with attach(pipe, [TAR]):
        with pytest.raises(ModelError, match="attach is nested: the pipeline's unet"), attach(pipe, [TAR]):
            pass
        make(pipe)


@pytest.mark.filterwarnings("ignore:The configuration file of this scheduler")
def test_an_unknown_denoiser_is_named_with_what_is_known(unet3d):
    unet = UNet2DConditionModel(
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        block_out_channels=(16,),
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=2,
    )
    parts = {name: unet3d.components[name] for name in ("vae", "text_encoder", "tokenizer", "scheduler")}
    nothing: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    image = StableDiffusionPipeline(unet=unet, **parts, **nothing)
    error = refused(image, [TAR])
    assert "no denoiser that attach knows" in str(error)
    assert "unet (UNet2DConditionModel)" in str(error)
    words, _, known = str(error.hint).partition(" knows ")
    assert words == "attach"
    assert known.split(", ") == sorted(known.split(", "))
    assert {"CogVideoXTransformer3DModel", "UNetMotionModel", "WanTransformer3DModel"} <= set(known.split(", "))


def test_what_is_no_pipeline(pipe):
    with pytest.raises(ModelError, match="takes a diffusers pipeline, not a UNet"), attach(pipe.unet, [TAR]):
        pass


def test_a_synopsis_for_a_pipeline_without_a_text_encoder(pipe):
    pipe.text_encoder = None
    assert "has no text encoder and tokenizer" in str(refused(pipe, [], ["a landscape"]))


def test_a_synopsis_where_another_network_reads_the_prompt(animatediff):
    controlnet = ControlNetModel(
        down_block_types=("CrossAttnDownBlock2D",),
        block_out_channels=(16,),
        norm_num_groups=4,
        cross_attention_dim=16,
        attention_head_dim=2,
    )
    guided = AnimateDiffControlNetPipeline(**{**animatediff.components, "controlnet": controlnet})
    assert "has a controlnet too" in str(refused(guided, [], ["a landscape"]))


def test_several_videos_with_a_synopsis(pipe):
    prompts = ["a landscape", "a beach"]
    with attach(pipe, [TAR]):
        make(pipe, prompt=prompts, guidance_scale=1.0)
    for guidance in (1.0, 3.0):
        with attach(pipe, [], ["a landscape"]):
            with pytest.raises(SamplerError, match="for 2 videos at once, but a synopsis is for one") as caught:
                make(pipe, prompt=prompts, guidance_scale=guidance)
            assert "num_videos_per_prompt" in str(caught.value.hint)


def test_prompt_embeddings_of_another_length(unet3d):
    long = torch.zeros(1, 24, 16)
    with attach(unet3d, [], ["a landscape"]), pytest.raises(SamplerError, match=r"embeddings of \(24, 16\)"):
        make(unet3d, prompt=None, prompt_embeds=long, negative_prompt_embeds=long)


def test_more_frames_than_the_motion_modules_have_positions(animatediff):
    with attach(animatediff, [TAR]), pytest.raises(SamplerError, match="positions for 32 frames, and the pipeline makes 33"):
        make(animatediff, num_frames=33)


def test_more_states_than_frames(pipe):
    with attach(pipe, [], ["a landscape"] * 9), pytest.raises(SpecError, match="9 states do not fit into 8 frames"):
        make(pipe)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"regularizers": [{"use": "tarr"}]}, r"regularizers\[0\].use: unknown regularizer 'tarr'. Did you mean 'tar'"),
        ({"regularizers": [Identity(ReplacementOptions()), {"use": "tar", "sgima": 1}]}, r"regularizers\[1\].sgima: unknown key"),
        ({"regularizers": {"use": "tar"}}, "regularizers: must be a list, not a dict"),
        ({"regularizers": [Identity]}, r"regularizers\[0\]: the class Identity instead of a vstar_sdk.Regularizer"),
        ({"regularizers": [ReplacementOptions()]}, "ReplacementOptions belongs to identity and uniform"),
        ({"synopsis": "a landscape"}, "synopsis: must be a list, not a str"),
        ({"synopsis": ["a", {"caption": "b", "at": "soon"}]}, r"synopsis.states\[1\].at: 'soon' must be frames"),
        ({"synopsis": []}, "no states"),
        ({"synopsis": ["a"], "interpolation": "cubic"}, "timeline.interpolation: must be 'linear', 'hold' or 'smooth'"),
        ({"fps": 0}, "fps: must be greater than 0"),
    ],
)
def test_a_wrong_argument_is_told_as_in_a_spec(unet3d, arguments, message):
    with pytest.raises(SpecError, match=message), attach(unet3d, **arguments):
        pass


def test_a_caption_that_is_cut_and_an_unused_negative_prompt_are_warned_of(unet3d):
    synopsis = Synopsis((State("a red ball crosses the beach from left to right " * 2),), negative_prompt="blurred")
    with (
        pytest.warns(UserWarning, match="does not see the end") as caught,
        pytest.warns(UserWarning, match="pass it to the pipeline as negative_prompt"),
        attach(unet3d, [], synopsis),
    ):
        make(unet3d)
    assert {one.filename for one in caught} == {__file__}


def test_a_call_with_gradients_on_is_refused_and_one_without_is_not(unet3d):
    network = unet3d.unet
    unet3d.scheduler.set_timesteps(4)
    timestep = unet3d.scheduler.timesteps[0]
    latents, text = torch.randn(1, 4, 6, 8, 8), torch.randn(1, 7, network.config.cross_attention_dim)
    with attach(unet3d, [TAR]):
        for allowed in (torch.no_grad, torch.inference_mode):
            with allowed():
                network(latents, timestep, text)
        with pytest.raises(SamplerError, match="was called with gradients on") as refused:
            network(latents, timestep, text)
        assert "torch.no_grad" in str(refused.value.hint)
        network.requires_grad_(False)
        network(latents, timestep, text)
        with pytest.raises(SamplerError, match="gradients on"):
            network(latents.requires_grad_(True), timestep, text)
    network(latents, timestep, text)[0].sum().backward()
    assert latents.grad is not None
