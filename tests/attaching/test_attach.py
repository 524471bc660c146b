"""attach on tiny pipelines of both classes: what it changes, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import vstar_sdk
from tests.attaching.conftest import AUTUMN, SUMMER, TAR, WINTER, make
from vstar_sdk import Bias, State, Synopsis, attach
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions


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


def test_half_precision(animatediff):
    animatediff.to(torch.bfloat16)
    plain = make(animatediff)
    with attach(animatediff, [{**TAR, "strength": 0}], [SUMMER]):
        assert torch.equal(make(animatediff), plain)


def test_an_attach_whose_denoiser_was_never_called_says_so(pipe):
    with pytest.warns(UserWarning, match="unet was never called"), attach(pipe, [TAR]):
        pass


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
