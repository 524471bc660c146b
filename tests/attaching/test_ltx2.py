"""attach on tiny LTX-2 pipelines: the first and 2.3, with all of their guidance, and image to video."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.transformers import transformer_ltx2
from diffusers.models.transformers.transformer_ltx2 import LTX2Attention
from diffusers.pipelines.ltx2.pipeline_ltx2 import LTX2Pipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2ConditionPipeline, LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_image2video import LTX2ImageToVideoPipeline
from PIL import Image

from vstar_sdk import Bias, attach
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.models.diffusers.ltx_tokens import readers
from vstar_sdk.models.ltx2.audio_text import folded_runs, tokens_of_frames
from vstar_sdk.options import RegularizerOptions

SUMMER, WINTER = "a green landscape in summer", "a snowy winter"
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
VERSIONS = {"2.0": "tiny_ltx2", "2.3": "tiny_ltx23"}


@pytest.fixture(scope="module")
def originals(tiny_ltx2: Path, tiny_ltx23: Path) -> dict[str, Any]:
    return {name: LTX2Pipeline.from_pretrained(path) for name, path in (("2.0", tiny_ltx2), ("2.3", tiny_ltx23))}


def copied(pipe: Any, kind: Any = LTX2Pipeline) -> Any:
    own = ("transformer", "scheduler")
    fresh = kind(**{name: copy.deepcopy(part) if name in own else part for name, part in pipe.components.items()})
    fresh.set_progress_bar_config(disable=True)
    return fresh


@pytest.fixture(params=VERSIONS)
def pipe(request: pytest.FixtureRequest, originals: dict[str, Any]) -> Any:
    """A pipeline to be attached to."""
    return copied(originals[request.param])


def make(pipe: Any, prompt: Any = SUMMER, **changes: Any) -> torch.Tensor:
    """Latents ``(1, 4, 3, 2, 1)`` of the video and the sound's, in one row."""
    own: dict[str, Any] = {"num_frames": 17, "num_inference_steps": 2, "height": 64, "width": 32, "output_type": "latent"}
    own |= {"spatio_temporal_guidance_blocks": [1]}
    if isinstance(pipe, LTX2ImageToVideoPipeline):
        own |= {"image": Image.new("RGB", (32, 64), "green"), "image_crf": 0}
    made: Any = pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes})
    return torch.cat([made.frames.flatten(), made.audio.flatten()])


newest = pytest.mark.parametrize("pipe", ["2.3"], indirect=True)
UNGUIDED = {"guidance_scale": 1.0, "stg_scale": 0.0, "modality_scale": 1.0}
UNGUIDED |= {f"audio_{name}": scale for name, scale in UNGUIDED.items()}
VIDEO = 4 * 3 * 2


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
        assert torch.allclose(make(pipe, WINTER), plain, atol=1e-5)


@pytest.mark.parametrize("guidance", [{}, UNGUIDED], ids=["all", "none"])
def test_a_caption_is_the_pipeline_prompted_with_it(pipe, guidance):
    """Of the video and of the sound."""
    wanted = make(pipe, WINTER, **guidance)
    other = make(pipe, **guidance)
    assert not torch.allclose(other[:VIDEO], wanted[:VIDEO], atol=1e-3)
    assert not torch.allclose(other[VIDEO:], wanted[VIDEO:], atol=1e-4)
    with attach(pipe, [], [WINTER]):
        assert torch.allclose(make(pipe, **guidance), wanted, atol=1e-5)


@newest
def test_the_negative_prompt_is_the_pipelines_own(pipe):
    wanted = make(pipe, SUMMER, negative_prompt="an orange autumn")
    assert not torch.allclose(make(pipe), wanted, atol=1e-3)
    with attach(pipe, [], [SUMMER]):
        assert torch.allclose(make(pipe, WINTER, negative_prompt="an orange autumn"), wanted, atol=1e-5)


@newest
def test_states_reach_their_frames_and_their_sound(pipe):
    with attach(pipe, [], [SUMMER, WINTER]):
        both = make(pipe)
    with attach(pipe, [], [SUMMER, SUMMER]):
        one = make(pipe)
    assert both.isfinite().all()
    last, other = (made[:VIDEO].reshape(4, 3, 2)[:, -1] for made in (both, one))
    assert not torch.allclose(last, other, atol=1e-3)
    assert not torch.allclose(both[VIDEO:], one[VIDEO:], atol=1e-4)


def test_tar_changes_the_clip_and_strength_0_nothing(pipe):
    plain = make(pipe)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe)[:VIDEO], plain[:VIDEO], atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(pipe), plain)


def test_a_nursed_network_equals_one_whose_video_attention_is_materialised(pipe, monkeypatch):
    """In float64; the sound's attention, as long as the video's, is left alone."""
    stat_max = {"use": "tar", "sigma": {0: 1}, "stat": "max", "strength": 1.0, "window": [0.0, 1.0]}
    with attach(pipe, [stat_max]):
        got = make(pipe, **UNGUIDED)
    position = torch.tensor(Clock(17, 8.0, Rhythm.causal(8)).positions, dtype=torch.float64)
    band = (-(position[:, None] - position).square() / 2).exp().repeat_interleave(2, 0).repeat_interleave(2, 1)
    stock: Any = transformer_ltx2.dispatch_attention_fn  # pyright: ignore[reportPrivateImportUsage]
    turn: list[str] = []
    replaced = 0
    plain = make(pipe, **UNGUIDED)
    for name, module in pipe.transformer.named_modules():
        if isinstance(module, LTX2Attention):
            module.register_forward_pre_hook(lambda *_, name=name: turn.append(name.rpartition(".")[2]))

    def materialised(query, key, value, **kwargs):
        nonlocal replaced
        if turn[-1:] != ["attn1"]:
            return stock(query, key, value, **kwargs)
        replaced += 1
        q, k, v = (tensor.transpose(1, 2).double() for tensor in (query, key, value))
        logits = q @ k.mT * q.shape[-1] ** -0.5
        out = (logits + logits.amax(-1, keepdim=True) * band).softmax(-1) @ v
        return out.transpose(1, 2).to(query)

    monkeypatch.setattr(transformer_ltx2, "dispatch_attention_fn", materialised)
    assert torch.allclose(make(pipe, **UNGUIDED), got, atol=1e-5)
    assert replaced > 0
    assert not torch.allclose(plain[:VIDEO], got[:VIDEO], atol=1e-3)


@newest
def test_the_video_alone_is_a_site(pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: -distance.abs())]

    with attach(pipe, [Watching()], fps=16.0):
        before = {name: module.processor for name, module in pipe.transformer.named_modules() if hasattr(module, "processor")}
        make(pipe)
        after = {name: module.processor for name, module in pipe.transformer.named_modules() if hasattr(module, "processor")}
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", 3, 2.0)}
    changed = {name for name, processor in before.items() if after[name] is not processor}
    assert changed == {"transformer_blocks.0.attn1", "transformer_blocks.1.attn1"}


@newest
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
    assert torch.equal(make(pipe), plain)


@newest
def test_offloaded_it_makes_the_same_and_is_as_it_was(pipe):
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        wanted = make(pipe)
    cpu_offload(pipe.transformer, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        assert torch.equal(make(pipe), wanted)
    assert state(pipe) == before


def test_a_picture_before_the_clip(originals):
    """Its tokens have a timestep of their own."""
    pipe = copied(originals["2.3"], LTX2ImageToVideoPipeline)
    wanted, plain = make(pipe, WINTER), make(pipe)
    with attach(pipe, [], [WINTER]):
        assert torch.allclose(make(pipe), wanted, atol=1e-5)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)


def test_a_synopsis_tells_one_video(originals):
    pipe = copied(originals["2.0"])
    with attach(pipe, [], [SUMMER]), pytest.raises(SamplerError, match="for 2 videos at once"):
        make(pipe, [SUMMER, WINTER])


def test_fused_projections_are_refused_by_name(originals):
    pipe = copied(originals["2.0"])
    pipe.transformer.transformer_blocks[1].attn1.fuse_projections()
    with attach(pipe, [TAR]), pytest.raises(ModelError, match="fused projections, which regularizers would remove"):
        make(pipe)


def test_tokens_of_conditions_are_refused(originals):
    pipe = copied(originals["2.0"], LTX2ConditionPipeline)
    later = LTX2VideoCondition(frames=Image.new("RGB", (32, 64), "green"), index=1)
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="not known to be whole latent frames"):
        make(pipe, conditions=[later], height=64, width=32)


@pytest.mark.parametrize(("tokens", "runs"), [(18, (1, 9, 8)), (3, (0, 2, 1)), (1, (0, 1, 0))])
def test_every_moment_of_the_sound_falls_to_one_latent_frame(tokens, runs):
    assert tokens_of_frames(Clock(17, 24.0, Rhythm.causal(8)), tokens) == runs


def test_the_sound_of_a_latent_frame_reads_that_frames_text(originals):
    """Runs of different lengths, one of them empty: each as a clip of its own."""
    attention = readers(originals["2.3"].transformer, "audio_attn2")[0]
    tokens, text = torch.randn(2, 5, 12), torch.randn(2, 4, 6, 12)
    mask = torch.zeros(8, 1, 6)
    with torch.no_grad(), folded_runs([attention], (1, 0, 3, 1)):
        got = attention(tokens, encoder_hidden_states=text.flatten(1, 2), attention_mask=mask)
    alone = [(0, 1, 0), (1, 4, 2), (4, 5, 3)]
    with torch.no_grad():
        wanted = [attention(tokens[:, a:b], encoder_hidden_states=text[:, run]) for a, b, run in alone]
    assert torch.allclose(got, torch.cat(wanted, dim=1), atol=1e-6)
