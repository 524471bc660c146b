"""CogVideoX 2B and 5B: facts, the loaded model against diffusers' pipeline, TAR against the formula, one text for all frames."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention, CogVideoXAttnProcessor2_0
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock, CogVideoXTransformer3DModel
from diffusers.pipelines.cogvideo.pipeline_cogvideox import CogVideoXPipeline
from diffusers.schedulers.scheduling_ddim_cogvideox import CogVideoXDDIMScheduler
from diffusers.schedulers.scheduling_dpm_cogvideox import CogVideoXDPMScheduler

from tests.denoised import denoised, gaussian, scheduler_for
from tests.joint_oracle import materialised
from tests.tiny_cogvideox import VAE
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import MissingDependency, ModelError, SamplerError, SpecError
from vstar_sdk.models.cogvideox.decoding import decode_causally
from vstar_sdk.models.cogvideox.source import CogVideoXOptions, cogvideox
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.estimates import Workload
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.sampling.noise import step_noise

FRAMES, LATENT_FRAMES, TEXT = 17, 5, 226
TOKENS = TEXT + LATENT_FRAMES * 4
ONE, OTHER = "a green landscape in summer", "a snowy landscape in winter"
both = pytest.mark.parametrize("model", ["cogvideox_2b", "cogvideox_5b"], indirect=True)


@pytest.fixture
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def adapter(cogvideox_5b):
    return cogvideox(CogVideoXOptions(path=str(cogvideox_5b))).load("cpu", "float32")


def loaded(directory) -> Any:
    return cogvideox(CogVideoXOptions(path=str(directory))).load("cpu", "float32")


def latents(adapter, seed=0):
    return gaussian(adapter.latent_shape(FRAMES, 32, 32), seed)


def one_text(adapter, prompt=ONE):
    return adapter.encode([prompt])[:, None].expand(-1, LATENT_FRAMES, -1, -1)


class Wants:
    """A regularizer with operations that a test gives."""

    def __init__(self, *operations):
        self.options, self._operations = RegularizerOptions(), operations

    def operations(self, site):
        del site
        return self._operations


def plan(adapter, *regularizers, frames=FRAMES):
    return plan_attention(adapter.facts.sites, regularizers, adapter.facts.clock(frames, 8.0))


@both
def test_the_configuration_files_say_what_the_model_is(model):
    facts = cogvideox(CogVideoXOptions(path=str(model))).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn1", "transformer_blocks.1.attn1"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 16)
    }
    assert facts.name == f"CogVideoX {model.name[10:12].upper()}"
    assert (facts.frames, facts.width, facts.height, facts.size_multiple) == (17, 32, 32, 16)
    assert (facts.rhythm.formula, facts.one_text, facts.scheduler) == ("1 + 4 k", True, "cogvideox-ddim")


@pytest.mark.parametrize(("frames", "hint"), [(48, "use 45 or 49"), (50, "use 49 or 53"), (2, "use 1 or 5")])
def test_an_impossible_count_of_frames_names_both_neighbours(cogvideox_2b, frames, hint):
    with pytest.raises(SpecError, match=f"cannot make {frames} frames") as refused:
        cogvideox(CogVideoXOptions(path=str(cogvideox_2b))).facts().check(frames, 32, 32)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"in_channels": 8}, "takes 8 channels and the latents have 4: it wants a picture or video"),
        ({"patch_size_t": 2}, r"joins 2 latent frames in one token \(CogVideoX 1.5\)"),
        ({"_class_name": "ConsisIDTransformer3DModel"}, "its transformer is a ConsisID"),
        ({"use_learned_positional_embeddings": True}, "positions are learned for one size"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(cogvideox_2b, tmp_path, changes, reason):
    copied = tmp_path / "model"
    shutil.copytree(cogvideox_2b, copied)
    config = copied / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(ModelError, match=reason):
        cogvideox(CogVideoXOptions(path=str(copied))).facts()


def test_a_tokenizer_that_needs_a_package_names_it(cogvideox_2b, tmp_path, monkeypatch):
    copied = tmp_path / "model"
    shutil.copytree(cogvideox_2b, copied)
    (copied / "tokenizer" / "tokenizer.json").rename(copied / "tokenizer" / "spiece.model")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # as if it were not installed
    with pytest.raises(MissingDependency, match="sentencepiece") as refused:
        loaded(copied)
    assert refused.value.hint == "pip install sentencepiece protobuf"


@both
@pytest.mark.parametrize("scheduler", ["cogvideox-ddim", "cogvideox-dpm"])
def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(model, scheduler):
    adapter = loaded(model)
    stock = {"cogvideox-ddim": CogVideoXDDIMScheduler, "cogvideox-dpm": CogVideoXDPMScheduler}[scheduler]
    pipe: Any = CogVideoXPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        transformer=adapter.denoiser,
        scheduler=stock.from_config(adapter.scheduler_config),
    )
    pipe.set_progress_bar_config(disable=True)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": FRAMES, "guidance_scale": 4.0}
    asked |= {"num_inference_steps": 4, "latents": noise.transpose(1, 2)}
    wanted = pipe(**asked, generator=torch.Generator().manual_seed(7), output_type="latent").frames.transpose(1, 2)
    text, negative = adapter.encode([ONE, OTHER])
    text, built = text.expand(LATENT_FRAMES, -1, -1), scheduler_for(scheduler, adapter.scheduler_config)
    if scheduler == "cogvideox-dpm":  # its noise is drawn in the order of the latents' own dimensions
        generator, noises = torch.Generator().manual_seed(7), []
        for _ in range(8):
            noises.append(torch.randn(1, LATENT_FRAMES, 4, 4, 4, generator=generator).transpose(1, 2))
        with pytest.MonkeyPatch.context() as patch:
            where = "diffusers.schedulers.scheduling_dpm_cogvideox.randn_tensor"
            patch.setattr(where, lambda shape, **how: noises.pop(0))
            got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    else:
        got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    assert (got - wanted).abs().max() < 1e-5
    pictures = pipe(**asked, generator=torch.Generator().manual_seed(7), output_type="np").frames[0]
    frames = np.stack(list(adapter.decode(got)))
    assert frames.shape == (FRAMES, 32, 32, 3)
    assert np.abs(frames / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


@pytest.mark.parametrize("guidance_batch", ["one", "two"])
def test_one_batch_or_two_is_the_same_but_for_rounding(adapter, guidance_batch):
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("cogvideox-ddim", adapter.scheduler_config)
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, text, negative, latents(adapter), built, steps=2, guidance=4.0, guidance_batch=guidance_batch)
    built = scheduler_for("cogvideox-ddim", adapter.scheduler_config)
    wanted = denoised(adapter, text, negative, latents(adapter), built, steps=2, guidance=4.0)
    assert (got - wanted).abs().max() < 1e-5


def test_dpm_goes_on_where_it_was_stopped(adapter):
    from vstar_sdk.sampling.state import SamplerState

    text, negative = adapter.encode([ONE, OTHER])
    given = (adapter, text.expand(LATENT_FRAMES, -1, -1), negative, latents(adapter))

    def scheduler() -> Any:
        return scheduler_for("cogvideox-dpm", adapter.scheduler_config)

    whole = denoised(*given, scheduler(), steps=4, guidance=1.0, generator=step_noise(3))
    stopped, generator = scheduler(), step_noise(3)
    half = denoised(*given, stopped, steps=4, guidance=1.0, generator=generator, until=2)
    state = SamplerState.of(2, half, stopped, generator)
    assert torch.equal(denoised(*given, scheduler(), steps=4, guidance=1.0, generator=step_noise(3), state=state), whole)


@pytest.mark.parametrize(("model", "able"), [("cogvideox_2b", False), ("cogvideox_5b", True)], indirect=["model"])
def test_a_scheduler_without_the_shift_of_the_2b_is_refused(model, able):
    config = loaded(model).scheduler_config
    if able:
        scheduler_for("ddim", config)
        return
    with pytest.raises(SpecError, match=r"'ddim' has no snr_shift_scale, and this model was trained with 3\.0") as refused:
        scheduler_for("ddim", config)
    assert refused.value.hint == "use one of cogvideox-ddim, cogvideox-dpm"


def test_frames_with_texts_of_their_own_are_refused(adapter):
    one, other = adapter.encode([ONE, OTHER])
    text = torch.stack([one] * 4 + [other])[None]
    with pytest.raises(SamplerError, match="all frames of a video read one text") as refused:
        adapter.denoise(latents(adapter), torch.tensor(500), text)
    assert "Prompt Relay" in str(refused.value.hint)
    same = one.expand(1, LATENT_FRAMES, -1, -1).contiguous()
    assert torch.equal(
        adapter.denoise(latents(adapter), torch.tensor(500), same),
        adapter.denoise(latents(adapter), torch.tensor(500), one_text(adapter)),
    )


@both
@pytest.mark.parametrize("stat", ["none", "max", "spread"])
def test_a_nursed_network_equals_one_whose_attention_is_materialised(model, stat):
    adapter = loaded(model)
    bias = Bias(lambda d: (-d.square() / 2).exp(), stat=stat)
    text, x, timestep = one_text(adapter, OTHER), latents(adapter), torch.tensor(700)
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(bias)), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    with materialised(bias, adapter.facts.clock(FRAMES, 8.0), slice(TEXT, TOKENS), TOKENS) as added:
        wanted = adapter.denoise(x, timestep, text)
    assert len(added) == 2
    assert (got - wanted).abs().max() < 1e-5
    assert (got - plain).abs().max() > 1e-3


def test_what_the_text_attends_to_is_the_models_own(adapter):
    """The text's part of the first block's attention, under the strongest bias, bit for bit; and of the video's not."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    attention = adapter.denoiser.transformer_blocks[0].attn1
    hook = attention.register_forward_hook(lambda module, args, out: seen.append(out))
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700)
    try:
        adapter.denoise(x, timestep, text)
        with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}, strength=9.0))), adapter.family) as nursing:
            adapter.denoise(x, timestep, text)
            nursing.at(0, 4)
            adapter.denoise(x, timestep, text)
    finally:
        hook.remove()
    plain, idle, nursed = seen
    assert torch.equal(idle[0], plain[0])
    assert torch.equal(idle[1], plain[1])
    assert (nursed[1] - plain[1]).abs().max() < 1e-6
    assert (nursed[0] - plain[0]).abs().max() > 1e-4


@both
def test_nursing_leaves_the_model_as_it_was(model):
    adapter = loaded(model)
    before = [block.attn1.processor for block in adapter.denoiser.transformer_blocks]
    x, text = latents(adapter), one_text(adapter)
    plain = adapter.denoise(x, torch.tensor(700), text)
    with (
        pytest.raises(SamplerError, match="saw 20 tokens; its plan is for 7 latent frames"),
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1})), frames=25), adapter.family),
    ):
        adapter.denoise(x, torch.tensor(700), text)
    assert [block.attn1.processor for block in adapter.denoiser.transformer_blocks] == before
    assert torch.equal(adapter.denoise(x, torch.tensor(700), text), plain)


def test_recorded_maps_are_of_the_video_alone(adapter):
    sites = [Site.at(address, adapter.facts.clock(FRAMES, 8.0)) for address in adapter.facts.sites]
    recording = Recording(sites, steps=[0])
    with nurse(adapter.denoiser, plan(adapter), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter), torch.tensor(900), one_text(adapter))
    maps = recording.maps()[0]
    assert maps.shape == (2, LATENT_FRAMES, LATENT_FRAMES)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, LATENT_FRAMES))


def test_an_attention_that_does_more_is_refused(cogvideox_2b):
    adapter = loaded(cogvideox_2b)
    adapter.denoiser.fuse_qkv_projections()
    with (
        pytest.raises(ModelError, match="holds FusedCogVideoXAttnProcessor2_0, which nursing cannot replace"),
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
    ):
        pass
    adapter.denoiser.unfuse_qkv_projections()
    assert type(adapter.denoiser.transformer_blocks[0].attn1.processor) is CogVideoXAttnProcessor2_0


@pytest.mark.parametrize(("count", "tiling"), [(1, False), (5, True), pytest.param(4, True, marks=pytest.mark.slow), (4, False)])
def test_frames_are_decoded_a_few_at_a_time_as_the_whole_clip_is(tiling, count):
    torch.manual_seed(1)
    vae: Any = AutoencoderKLCogVideoX(**VAE).eval()
    if tiling:
        vae.enable_tiling(32, 32, 1 / 4, 1 / 4)
    x = torch.randn(1, 4, count, 6, 7)
    with torch.no_grad():
        whole = vae.decode(x / vae.config["scaling_factor"], return_dict=False)[0][0]
    got = np.stack(list(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling)))
    wanted = whole.div(2).add(0.5).clamp(0, 1).mul(255).round().permute(1, 2, 3, 0).to(torch.uint8).numpy()
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


def test_memory_of_decoding_does_not_grow_with_the_clip(adapter):
    peaks: list[int] = []
    for count in (5, 13):
        with LiveBytes() as memory:
            assert sum(1 for _ in adapter.decode(torch.randn(1, 4, count, 4, 4))) == 4 * count - 3
        peaks.append(memory.peak)
    assert peaks[1] < 1.05 * peaks[0]


def test_a_prompt_that_is_too_long_says_what_is_cut(adapter):
    assert adapter.cut_off(ONE) == ""
    assert adapter.cut_off("a " * 224 + "green winter autumn") == "winter autumn"


REAL = {
    "transformer": {
        "num_attention_heads": 30,
        "attention_head_dim": 64,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": 30,
        "text_embed_dim": 4096,
        "time_embed_dim": 512,
        "max_text_seq_length": 226,
        "sample_width": 90,
        "sample_height": 60,
        "sample_frames": 49,
        "patch_size": 2,
    },
    "text_encoder": {
        "vocab_size": 32128,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 2,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
        "model_type": "t5",
    },
    "vae": {"block_out_channels": [128, 256, 256, 512], "latent_channels": 16, "temporal_compression_ratio": 4},
}


def written(like, directory):
    """The 2B's configuration in a folder, without weights."""
    for component, config in REAL.items():
        (directory / component).mkdir()
        (directory / component / "config.json").write_text(json.dumps(config))
    shutil.copytree(like / "scheduler", directory / "scheduler")
    return cogvideox(CogVideoXOptions(path=str(directory)))


def test_the_real_configuration_of_the_2b(cogvideox_2b, tmp_path):
    facts = written(cogvideox_2b, tmp_path).facts()
    facts.check(49, 720, 480)
    assert (facts.name, len(facts.sites), facts.clock(49, 8.0).latents) == ("CogVideoX 2B", 30, 13)
    assert (facts.frames, facts.width, facts.height) == (49, 720, 480)
    with torch.device("meta"):
        network: Any = CogVideoXTransformer3DModel.from_config(REAL["transformer"])
    check_sites(network, facts, attentions_within(network, CogVideoXBlock, Attention), tmp_path)


@pytest.mark.slow
def test_an_estimate_of_the_2b(cogvideox_2b, tmp_path):
    source = written(cogvideox_2b, tmp_path)
    estimate = source.estimate(Workload(frames=17, width=720, height=480, branches=1, dtype="bfloat16"))
    assert 1.6e9 < estimate.weights["denoiser"] / 2 < 1.8e9
    attention = 4 * (5 * 30 * 45 + 226) ** 2 * 1920 * 30
    assert attention < estimate.call_flops < 9 * attention
    assert 2**29 < estimate.decode_bytes < 20 * 2**30
