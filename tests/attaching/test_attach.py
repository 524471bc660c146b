"""attach on tiny pipelines of both classes: what it changes, what it does not, and that nothing of it stays."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from accelerate.hooks import attach_align_device_hook
from diffusers.hooks.group_offloading import apply_group_offloading
from diffusers.pipelines.animatediff.pipeline_animatediff_video2video import AnimateDiffVideoToVideoPipeline
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from PIL import Image

import vstar_sdk
from tests.attaching.conftest import make
from vstar_sdk import Bias, State, Synopsis, attach
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.errors import SamplerError, SpecError
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

SUMMER, WINTER, AUTUMN = (
    "a green landscape in summer",
    "a snowy landscape in winter",
    "an orange landscape in autumn",
)
TAR = {"use": "tar", "sigma": {0: 1}, "window": [0.0, 1.0]}


def traces(pipe: Any) -> list[str]:
    """What attach could have left in a denoiser."""
    left = [name for name, attn in pipe.unet.named_modules() if isinstance(getattr(attn, "processor", None), NursedProcessor)]
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return left + [f"{name}.{hook}" for name, module in pipe.unet.named_modules() for hook in hooks if getattr(module, hook)]


def test_the_same_caption_for_all_frames_is_the_plain_pipeline_bit_for_bit(pipe):
    plain = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER, SUMMER]):
        assert torch.equal(make(pipe, prompt="a red ball"), plain)


def test_without_guidance_too(pipe):
    plain = make(pipe, guidance_scale=1.0)
    with attach(pipe, [], [SUMMER]):
        assert torch.equal(make(pipe, prompt="a red ball", guidance_scale=1.0), plain)


def test_the_negative_prompt_is_the_pipelines_own(pipe):
    plain = make(pipe, negative_prompt=AUTUMN)
    assert not torch.equal(plain, make(pipe))
    with attach(pipe, [], [SUMMER]):
        assert torch.equal(make(pipe, prompt="a red ball", negative_prompt=AUTUMN), plain)


def test_a_rate_may_be_a_text(pipe):
    with attach(pipe, [TAR], fps=8.0):
        wanted = make(pipe)
    with attach(pipe, [TAR], fps="8"):  # pyright: ignore[reportArgumentType]
        assert torch.equal(make(pipe), wanted)


def test_strength_0_is_the_plain_pipeline(pipe):
    plain = make(pipe)
    with attach(pipe, [{**TAR, "strength": 0}]):
        assert torch.equal(make(pipe), plain)


def first_frame_and_last(pipe: Any, **changes: Any) -> tuple[torch.Tensor, torch.Tensor]:
    clip = make(pipe, **changes)
    return clip[:, :, 0], clip[:, :, -1]


def test_every_frame_reads_its_own_text(animatediff):
    """In a network whose frames do not see each other, the first frame is the first caption's and the last the last's."""
    for module in animatediff.unet.modules():
        if type(module).__name__ == "AnimateDiffTransformer3D":
            torch.nn.init.zeros_(module.proj_out.weight)
            torch.nn.init.zeros_(module.proj_out.bias)
    first, _ = first_frame_and_last(animatediff, prompt=SUMMER)
    _, last = first_frame_and_last(animatediff, prompt=WINTER)
    with attach(animatediff, [], [SUMMER, WINTER]):
        both = first_frame_and_last(animatediff)
    assert torch.allclose(both[0], first, atol=1e-5)
    assert torch.allclose(both[1], last, atol=1e-5)
    assert not torch.allclose(first, first_frame_and_last(animatediff, prompt=WINTER)[0], atol=1e-3)


def text_seen(pipe: Any, *synopsis: Any, frames: int = 5, **changes: Any) -> torch.Tensor:
    """The positive text of every frame, as the first cross-attention sees it."""
    seen: list[torch.Tensor] = []
    attn = next(module for name, module in pipe.unet.named_modules() if ".attentions.0.transformer_blocks.0.attn2" in f".{name}")
    hook = attn.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs["encoder_hidden_states"]), with_kwargs=True)
    with attach(pipe, [], list(synopsis), **changes):
        make(pipe, num_frames=frames, num_inference_steps=1)
    hook.remove()
    return seen[0][frames:]


def test_states_are_blended_between_their_anchors(pipe):
    summer, winter = text_seen(pipe, SUMMER)[0], text_seen(pipe, WINTER)[0]
    assert torch.allclose(text_seen(pipe, SUMMER, WINTER)[2], (summer + winter) / 2, atol=1e-6)
    anchored = text_seen(pipe, {"caption": SUMMER, "at": 1}, State(WINTER, at="1s"), interpolation="hold", fps=3)
    assert torch.equal(anchored, torch.stack([summer, summer, summer, winter, winter]))


def test_a_synopsis_brings_its_style(pipe):
    styled = text_seen(pipe, *(f"{caption}, in winter" for caption in (SUMMER, AUTUMN)))
    seen: list[torch.Tensor] = []
    with attach(pipe, [], Synopsis((State(SUMMER), State(AUTUMN)), style="in winter")):
        name = next(n for n, _ in pipe.unet.named_modules() if n.endswith("attentions.0.transformer_blocks.0.attn2"))
        attn = pipe.unet.get_submodule(name)
        hook = attn.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(kwargs["encoder_hidden_states"]), with_kwargs=True
        )
        make(pipe, num_frames=5, num_inference_steps=1)
        hook.remove()
    assert torch.equal(seen[0][5:], styled)


def test_tar_acts_inside_its_window_only(pipe):
    """Of 4 steps a window that holds only the last leaves the first three as they were."""
    states: dict[str, list[torch.Tensor]] = {"plain": [], "nursed": []}

    def watch(name: str) -> dict[str, Any]:
        pipe.unet.register_forward_pre_hook(
            lambda _, args, kwargs: states[name].append((args[0] if args else kwargs["sample"]).clone()), with_kwargs=True
        )
        return {}

    watch("plain")
    plain = make(pipe)
    pipe.unet._forward_pre_hooks.clear()
    watch("nursed")
    with attach(pipe, [{**TAR, "window": [0.75, 1.0]}]):
        nursed = make(pipe)
    for before, after in zip(states["plain"], states["nursed"], strict=True):
        assert torch.equal(before, after)
    assert not torch.allclose(nursed, plain, atol=1e-4)


def test_the_moment_is_read_from_the_timestep_not_counted(pipe):
    """A call out of turn, and one that repeats a timestep, are nursed by what their timestep says."""
    frames = make(pipe)
    plan: dict[float, bool] = {}
    latents, text = frames.new_zeros(1, 4, 8, 4, 4), torch.zeros(1, 12, 16)
    if type(pipe).__name__ == "AnimateDiffPipeline":
        text = text.expand(8, -1, -1)
    latents = torch.randn(latents.shape, generator=torch.Generator().manual_seed(2))
    pipe.scheduler.set_timesteps(4)
    timesteps = [float(t) for t in pipe.scheduler.timesteps]

    def denoise(timestep: float) -> torch.Tensor:
        with torch.no_grad():
            return pipe.unet(latents, torch.tensor(timestep), encoder_hidden_states=text).sample

    plain = {timestep: denoise(timestep) for timestep in timesteps}
    with attach(pipe, [{**TAR, "window": [0.0, 0.5]}]):
        for timestep in [*reversed(timesteps), timesteps[0], timesteps[0]]:
            plan[timestep] = not torch.equal(denoise(timestep), plain[timestep])
    assert [plan[timestep] for timestep in timesteps] == [True, True, False, False]


def test_a_schedule_that_names_a_timestep_twice_goes_by_the_timestep(animatediff):
    animatediff.scheduler = HeunDiscreteScheduler.from_config(animatediff.scheduler.config, prediction_type="epsilon")
    plain = make(animatediff)
    with attach(animatediff, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(animatediff), plain)
    with attach(animatediff, [TAR]):
        assert not torch.allclose(make(animatediff), plain, atol=1e-4)


def test_a_pipeline_that_begins_in_the_middle_of_the_schedule(animatediff):
    """From half-way on, a window over the first half has passed already."""
    parts = {
        name: animatediff.components[name] for name in ("vae", "text_encoder", "tokenizer", "unet", "motion_adapter", "scheduler")
    }
    again = AnimateDiffVideoToVideoPipeline(**parts)
    again.set_progress_bar_config(disable=True)
    video = [Image.new("RGB", (16, 16), (30 * frame, 0, 200)) for frame in range(8)]
    remade = partial(make, again, num_frames=None, video=video, strength=0.5)
    with attach(again, [{**TAR, "window": [0.0, 0.5]}]):
        before = remade()
    with attach(again, [{**TAR, "window": [0.5, 1.0]}]):
        after = remade()
    assert torch.equal(before, remade())
    assert not torch.allclose(after, before, atol=1e-4)


def test_free_init_goes_through_the_schedule_more_than_once(animatediff):
    animatediff.enable_free_init(num_iters=2, use_fast_sampling=True)
    plain = make(animatediff)
    with attach(animatediff, [TAR], [SUMMER]):
        assert not torch.allclose(make(animatediff), plain, atol=1e-4)
    with attach(animatediff, [{**TAR, "strength": 0}], [SUMMER]):
        assert torch.equal(make(animatediff), plain)


def test_a_timestep_that_the_scheduler_does_not_have_is_refused(unet3d):
    unet3d.scheduler.set_timesteps(4)
    call = (torch.zeros(1, 4, 8, 4, 4), torch.tensor(17.0), torch.zeros(1, 12, 16))
    with attach(unet3d, [TAR]), pytest.raises(SamplerError, match=r"at timestep 17, which DDIMScheduler does not have"):
        unet3d.unet(*call)
    assert traces(unet3d) == []


def test_clips_of_different_lengths_in_one_attach(pipe):
    alone = {}
    for frames in (8, 5):
        with attach(pipe, [TAR], [SUMMER, WINTER]):
            alone[frames] = make(pipe, num_frames=frames)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        for frames in (8, 5, 8):
            assert torch.equal(make(pipe, num_frames=frames), alone[frames])


def test_regularizers_are_mappings_option_models_or_objects(pipe):
    options = TarOptions(sigma={0: 1}, window=(0.0, 1.0))
    clips = []
    for written in (TAR, options, Tar(options), vstar_sdk.load_spec({"prompt": "x", "regularizers": [TAR]}).spec.regularizers[0]):
        with attach(pipe, [written]):
            clips.append(make(pipe))
    assert all(torch.equal(clip, clips[0]) for clip in clips)
    assert not torch.allclose(clips[0], make(pipe), atol=1e-4)


def test_left_out_the_regularizer_is_tar_with_its_defaults(unet3d):
    with attach(unet3d):
        default = make(unet3d)
    with attach(unet3d, [{"use": "tar"}]):
        assert torch.equal(make(unet3d), default)


def test_a_plugins_regularizer_is_named_as_in_a_spec(pipe):
    class Acme:
        @vstar_sdk.hookimpl
        def register_regularizers(self, register):
            register("mild", options=TarOptions, factory=Tar, summary="A test's.")

    with attach(pipe, [TAR]):
        expected = make(pipe)
    with attach(pipe, [{**TAR, "use": "acme/mild"}], plugins=[Acme()]):
        assert torch.equal(make(pipe), expected)


class Failed(Exception):
    pass


@pytest.mark.parametrize("failure", [None, Failed, KeyboardInterrupt])
def test_the_pipeline_is_restored_exactly(pipe, failure):
    processors, forward = dict(pipe.unet.attn_processors), pipe.unet.forward
    plain = make(pipe)
    unet = pipe.unet.conv_out

    def fail(*_: Any) -> None:
        if failure is not None:
            raise failure

    hook = unet.register_forward_hook(fail)
    try:
        with attach(pipe, [TAR], [SUMMER, WINTER]):
            make(pipe)
    except (Failed, KeyboardInterrupt):
        pass
    hook.remove()
    after = pipe.unet.attn_processors
    assert after.keys() == processors.keys()
    assert all(after[name] is processors[name] for name in processors)
    assert traces(pipe) == []
    assert pipe.unet.forward == forward
    assert torch.equal(make(pipe), plain)


def test_a_call_that_failed_leaves_no_text_behind(unet3d):
    """The hooks that tell the blocks their text live as long as the call."""
    hook = unet3d.unet.conv_out.register_forward_hook(lambda *_: 1 / 0)
    with attach(unet3d, [], [SUMMER, WINTER]):
        with pytest.raises(ZeroDivisionError):
            make(unet3d)
        hook.remove()
        assert not any(block._forward_pre_hooks for block in unet3d.unet.down_blocks)


def sequential_offload(pipe: Any) -> None:
    """What ``enable_sequential_cpu_offload`` does, for the denoiser: its weights are on the meta device between calls."""
    weights = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}
    attach_align_device_hook(pipe.unet, execution_device=torch.device("cpu"), offload=True, weights_map=weights)
    assert pipe.unet.conv_in.weight.is_meta


def model_offload(pipe: Any) -> None:
    pipe.enable_model_cpu_offload(device="cpu")


def group_offload(pipe: Any) -> None:
    for network in (pipe.unet, pipe.text_encoder):
        apply_group_offloading(network, torch.device("cpu"), torch.device("cpu"), offload_type="leaf_level")


@pytest.mark.parametrize("offload", [pytest.param(sequential_offload, marks=pytest.mark.slow), model_offload, group_offload])
def test_offloading_changes_nothing(pipe, offload):
    plain = make(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        expected = make(pipe)
    offload(pipe)
    processors, forward = dict(pipe.unet.attn_processors), pipe.unet.forward
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        clips = [make(pipe), make(pipe)]
    assert all(torch.equal(clip, expected) for clip in clips)
    assert traces(pipe) == []
    assert all(pipe.unet.attn_processors[name] is processors[name] for name in processors)
    assert pipe.unet.forward == forward or offload is model_offload  # which diffusers itself sets anew after each call
    assert torch.equal(make(pipe), plain)


def test_half_precision(animatediff):
    animatediff.to(torch.bfloat16)
    plain = make(animatediff)
    with attach(animatediff, [{**TAR, "strength": 0}], [SUMMER]):
        assert torch.equal(make(animatediff), plain)


def test_an_attach_whose_denoiser_was_never_called_says_so(pipe):
    with pytest.warns(UserWarning, match="unet was never called"), attach(pipe, [TAR]):
        pass


def test_what_does_not_fit_the_model_is_told_by_the_call_and_the_pipeline_is_whole(pipe):
    with attach(pipe, [{"use": "tar", "sigma": {7: 1}}]), pytest.raises(SpecError, match="no temporal attention at level 7"):
        make(pipe)
    assert traces(pipe) == []


def test_an_operation_for_the_branch_of_the_prompt_leaves_the_other_alone(unet3d):
    class Near:
        options = RegularizerOptions()

        def __init__(self, branches):
            self._branches = branches

        def operations(self, site):
            return [Bias(lambda distance: -3 * distance.abs(), branches=self._branches)]

    def first(*regularizers):
        """What the network gives in its first call: for the negative prompt, and for the prompt."""
        seen = []
        hook = unet3d.unet.register_forward_hook(lambda module, args, output: seen.append(output[0].clone()))
        with attach(unet3d, regularizers):
            make(unet3d)
        hook.remove()
        return seen[0]

    plain, everywhere, prompted = first(), first(Near("all")), first(Near("prompt"))
    torch.testing.assert_close(prompted[0], plain[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(prompted[1], everywhere[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(plain[1], everywhere[1], atol=1e-3)
