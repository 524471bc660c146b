"""attach with text parts by which frames read the text of all key states."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from diffusers.pipelines.cogvideo.pipeline_cogvideox import CogVideoXPipeline
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline
from diffusers.pipelines.kandinsky5.pipeline_kandinsky import Kandinsky5T2VPipeline
from diffusers.pipelines.ltx.pipeline_ltx import LTXPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2 import LTX2Pipeline
from diffusers.pipelines.wan.pipeline_wan import WanPipeline

from tests.attaching.families import FAMILIES
from vstar_sdk import FrameText, attach
from vstar_sdk.errors import ModelError, PluginError, SpecError

SUMMER, WINTER = "a green landscape in summer", 'a winter, "snow" on a sign'
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
PIPELINES: dict[str, Any] = {
    "wan_21": WanPipeline,
    "wan_22": WanPipeline,
    "tiny_ltx": LTXPipeline,
    "tiny_ltx2": LTX2Pipeline,
    "cogvideox_2b": CogVideoXPipeline,
    "cogvideox_5b": CogVideoXPipeline,
    "hunyuan15_dir": HunyuanVideo15Pipeline,
    "kandinsky5_dir": Kandinsky5T2VPipeline,
}
OTHERS = {"skyreels_dir": "skyreels", "cosmos_dir": "cosmos 2.5", "motif_dir": "motif"}
"""Pipelines of which `FAMILIES` knows what they need, by the fixture of their folder."""


@pytest.fixture(params=[*PIPELINES, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def pipe(request: pytest.FixtureRequest) -> Any:
    """A pipeline to be attached to."""
    directory: Path = request.getfixturevalue(request.param)
    if request.param in OTHERS:
        held = FAMILIES[OTHERS[request.param]]
        return held.copied(held.load(directory))
    pipe: Any = PIPELINES[request.param].from_pretrained(directory)
    pipe.set_progress_bar_config(disable=True)
    if request.param == "hunyuan15_dir":
        pipe.tokenizer_max_length, pipe.tokenizer_2_max_length, pipe.vision_num_semantic_tokens = 48, 24, 4
    return pipe


def make(pipe: Any, prompt: str = SUMMER, **changes: Any) -> torch.Tensor:
    own: dict[str, Any] = {"num_frames": 17, "num_inference_steps": 2, "height": 64, "width": 64, "output_type": "latent"}
    if "guider" not in pipe.components:
        own["guidance_scale"] = 4.0
    if isinstance(pipe, LTX2Pipeline):
        own["spatio_temporal_guidance_blocks"] = [1]
    made: Any = pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes})
    return torch.cat([made.frames.flatten(), made.audio.flatten()]) if isinstance(pipe, LTX2Pipeline) else made.frames


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind in the networks."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return [
        (name, id(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for part in pipe.components.values()
        if isinstance(part, torch.nn.Module)
        for name, module in part.named_modules()
    ]


class Only:
    """All frames read one state, and nothing of the others."""

    reads = "states"

    def __init__(self, state: int) -> None:
        self.state = state

    def text(self, synopsis, embeddings, clock):
        bias = torch.full((clock.latents, len(embeddings)), -torch.inf)
        bias[:, self.state] = 0.0
        return FrameText(embeddings, bias)


@pytest.mark.parametrize("chosen", [0, 1])
def test_frames_that_read_one_state_are_the_pipeline_prompted_with_it(pipe, chosen):
    negative = {} if isinstance(pipe, LTX2Pipeline) else {"negative_prompt": "an orange autumn"}
    wanted, before = make(pipe, (SUMMER, WINTER)[chosen], **negative), state(pipe)
    other = make(pipe, (WINTER, SUMMER)[chosen], **negative)
    difference = (wanted - other).abs().max()
    with attach(pipe, [], [SUMMER, WINTER], timeline=Only(chosen)):
        made = make(pipe, "an orange autumn", **negative)
        assert state(pipe) != before
    assert (made - wanted).abs().max() < min(1e-4, difference / 10)
    assert state(pipe) == before


def test_relay_has_the_states_reach_their_frames_beside_tar(pipe):
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [], [SUMMER, SUMMER], timeline="relay"):
        assert (make(pipe, WINTER) - plain).abs().max() < 1e-5
    with attach(pipe, [], [SUMMER, WINTER], timeline={"use": "relay", "decay": "boundary"}):
        both = make(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER], timeline={"use": "relay", "decay": "boundary"}):
        nursed = make(pipe)
    assert both.isfinite().all()
    assert not torch.equal(both, plain)
    assert (nursed - both).abs().max() > 1e-4
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_after_an_exception_the_pipeline_is_as_it_was(wan_21, hunyuan15_dir):
    for kind, directory in ((WanPipeline, wan_21), (HunyuanVideo15Pipeline, hunyuan15_dir)):
        pipe: Any = kind.from_pretrained(directory)
        pipe.set_progress_bar_config(disable=True)
        make(pipe)
        before = state(pipe)
        with attach(pipe, [TAR], [SUMMER, WINTER], timeline="relay"), pytest.raises(SpecError, match="2 states do not fit"):
            make(pipe, num_frames=1)
        assert state(pipe) == before


class Lying(Only):
    reads = "frames"


def test_what_is_no_text_part_or_breaks_its_word_is_told(wan_21):
    pipe: Any = WanPipeline.from_pretrained(wan_21)
    pipe.set_progress_bar_config(disable=True)
    with pytest.raises(SpecError, match=r"timeline: an int instead of a vstar_sdk.Text: it has no reads, text\(\)"):
        attach(pipe, [], [SUMMER], timeline=cast(Any, 3)).__enter__()
    with pytest.raises(SpecError, match=r"unknown text part 'realy'.*relay"):
        attach(pipe, [], [SUMMER], timeline="realy").__enter__()
    with attach(pipe, [], [SUMMER, WINTER], timeline=Lying(0)), pytest.raises(PluginError, match="gave a bias, but its frames"):
        make(pipe)


def test_pipelines_whose_frames_read_one_embedding_each_are_refused(animatediff, unet3d):
    for pipe in (animatediff, unet3d):
        with (
            pytest.raises(ModelError, match="Pipeline cannot follow relay: its frames read one embedding each") as refused,
            attach(pipe, [], ["a bud", "a flower"], timeline="relay"),
        ):
            pass
        assert "blend" in str(refused.value.hint)
