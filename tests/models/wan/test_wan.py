"""Wan 2.1 and 2.2: facts, the loaded model against diffusers' pipeline, a text for every latent frame, nursing of all experts."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_wan import WanAttnProcessor, WanTransformer3DModel
from diffusers.pipelines.wan.pipeline_wan import WanPipeline
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.denoised import denoised, gaussian, scheduler_for
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Logits, Mix, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.wan.adapter import self_attentions
from vstar_sdk.models.wan.decoding import decode_causally
from vstar_sdk.models.wan.experts import WanExperts
from vstar_sdk.models.wan.source import WanOptions, wan
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, LATENT_FRAMES = 17, 5
ONE, OTHER = "a green landscape in summer", "a snowy landscape in winter"
VAE: dict[str, Any] = {
    "base_dim": 4,
    "z_dim": 4,
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "latents_mean": [-0.5, 0.1, 0.0, 0.4],
    "latents_std": [2.0, 1.0, 3.0, 1.5],
}
both = pytest.mark.parametrize("model", ["wan_21", "wan_22"], indirect=True)


@pytest.fixture
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def adapter(wan_21):
    return wan(WanOptions(path=str(wan_21))).load("cpu", "float32")


def latents(adapter, seed=0):
    return gaussian(adapter.latent_shape(FRAMES, 32, 32), seed)


def weights_and_processors(adapter):
    return {name: value.clone() for name, value in adapter.denoiser.state_dict().items()}, [
        module.processor for module in adapter.denoiser.modules() if hasattr(module, "processor")
    ]


class Wants:
    """A regularizer with operations that a test gives."""

    def __init__(self, *operations, **options):
        self.options, self._operations = RegularizerOptions(**options), operations

    def operations(self, site):
        del site
        return self._operations


def plan(adapter, *regularizers, frames=FRAMES, steps=None):
    facts = adapter.facts
    return plan_attention(facts.sites, regularizers, facts.clock(frames, 16.0), steps)


@both
def test_the_configuration_files_say_what_the_model_is(model):
    facts = wan(WanOptions(path=str(model))).facts()
    two = model.name.startswith("wan-2.2")
    names = [f"transformer{expert}.blocks.{block}.attn1" for expert in ("", "_2")[: 1 + two] for block in (0, 1)]
    assert [site.name for site in facts.sites] == names
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 12)
    }
    assert [site.index for site in facts.sites] == [0, 1] * (1 + two)
    assert (facts.name, facts.rhythm.formula, facts.size_multiple) == (("Wan 2.2" if two else "Wan 2.1"), "1 + 4 k", 16)


@pytest.mark.parametrize(
    ("frames", "hint"), [(64, "use 61 or 65"), (16, "use 13 or 17"), (80, "use 77 or 81"), (2, "use 1 or 5")]
)
def test_an_impossible_count_of_frames_names_both_neighbours(wan_21, frames, hint):
    with pytest.raises(SpecError, match=f"cannot make {frames} frames") as refused:
        wan(WanOptions(path=str(wan_21))).facts().check(frames, 64, 64)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 36}, "it wants a picture or video"),
        ("transformer/config.json", {"image_dim": 1280}, "needs a picture in addition to the prompt"),
        ("transformer/config.json", {"patch_size": [2, 2, 2]}, "joins 2 latent frames in one token"),
        (
            "transformer/config.json",
            {"_class_name": "WanVACETransformer3DModel"},
            "its transformer is a WanVACE",
        ),
        ("model_index.json", {"boundary_ratio": 0.9}, "names transformer with boundary_ratio 0.9"),
        ("model_index.json", {"transformer": [None, None]}, "names no transformer"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(wan_21, tmp_path, file, changes, reason):
    copied = tmp_path / "model"
    shutil.copytree(wan_21, copied)
    (copied / file).write_text(json.dumps(json.loads((copied / file).read_text()) | changes))
    with pytest.raises(ModelError, match=reason):
        wan(WanOptions(path=str(copied))).facts()


def test_compiling_is_refused(wan_21):
    with pytest.raises(ValueError, match="wan cannot be compiled"):
        WanOptions(path=str(wan_21), compile=True)


@both
@pytest.mark.parametrize("scheduler", ["unipc", "flow-euler"])
def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(model, scheduler):
    adapter: Any = wan(WanOptions(path=str(model))).load("cpu", "float32")
    parts: dict[str, Any] = {name: getattr(adapter.denoiser, name) for name in ("transformer", "transformer_2")}
    index = json.loads((model / "model_index.json").read_text())
    pipe: Any = WanPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        scheduler=scheduler_for(scheduler, adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        boundary_ratio=index["boundary_ratio"],
        **parts,
    )
    pipe.set_progress_bar_config(disable=True)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": FRAMES, "guidance_scale": 4.0}
    wanted = pipe(**asked, num_inference_steps=4, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for(scheduler, adapter.scheduler_config)
    frames = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, frames, negative, noise, built, steps=4, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5
    pictures = pipe(**asked, num_inference_steps=4, latents=noise, output_type="np").frames[0]
    frames = np.stack(list(adapter.decode(got)))
    assert frames.shape == (FRAMES, 32, 32, 3)
    assert np.abs(frames / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


@both
def test_equal_texts_for_all_latent_frames_equal_one_text(model):
    adapter: Any = wan(WanOptions(path=str(model))).load("cpu", "float32")
    text = adapter.encode([OTHER, ONE])
    x = latents(adapter).expand(2, -1, -1, -1, -1)
    for timestep in (torch.tensor(900), torch.tensor(100)):
        network = adapter.denoiser.at(timestep)
        with torch.no_grad():
            wanted = network(x, timestep.expand(2), text, return_dict=False)[0]
        got = adapter.denoise(x, timestep, text[:, None].expand(-1, LATENT_FRAMES, -1, -1))
        assert (got - wanted).abs().max() < 1e-5


def test_every_latent_frame_reads_its_own_text(adapter):
    one, other = adapter.encode([ONE, OTHER])
    network = adapter.denoiser.transformer
    seen: list[torch.Tensor] = []
    hook = network.blocks[0].attn2.register_forward_hook(lambda _, args, out: seen.append(out.detach()))
    texts = torch.stack([one] * 3 + [other] * 2)
    try:
        for text in (texts, one.expand_as(texts), other.expand_as(texts)):
            adapter.denoise(latents(adapter), torch.tensor(500), text[None])
    finally:
        hook.remove()
    mixed, only_one, only_other = seen
    assert torch.equal(mixed[:3], only_one[:3])
    assert torch.equal(mixed[3:], only_other[3:])
    assert not torch.allclose(only_one, only_other)


def test_the_experts_change_at_the_boundary(wan_22):
    experts = wan(WanOptions(path=str(wan_22))).load("cpu", "float32").denoiser
    assert [experts.at(torch.tensor(t)) is experts.transformer for t in (999, 875, 874, 1)] == [True, True, False, False]


def test_timesteps_for_every_token_are_the_same_as_one_for_all(adapter):
    """What ``expand_timesteps`` of Wan 2.2 TI2V comes to without a picture: so the one timestep is passed."""
    network, text = adapter.denoiser.transformer, adapter.encode([ONE])
    x, tokens = latents(adapter), LATENT_FRAMES * 2 * 2
    with torch.no_grad():
        each = network(x, torch.full((1, tokens), 500), text, return_dict=False)[0]
        one = network(x, torch.tensor([500]), text, return_dict=False)[0]
    assert (each - one).abs().max() < 1e-5


@pytest.mark.parametrize("patch", [None, 2])
@pytest.mark.parametrize("tiling", [False, True])
def test_frames_are_decoded_one_latent_frame_at_a_time_as_the_whole_clip_is(patch, tiling):
    torch.manual_seed(1)
    options = VAE | ({"patch_size": 2, "out_channels": 12, "in_channels": 12, "is_residual": True} if patch else {})
    vae: Any = AutoencoderKLWan(**options, scale_factor_spatial=16 if patch else 8).eval()
    if tiling:
        vae.enable_tiling(64, 64, 48, 48)
    x = torch.randn(1, 4, 4, 12, 8 if patch else 12)
    mean, std = (torch.tensor(VAE[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
    with torch.no_grad():
        whole = vae.decode(x * std + mean, return_dict=False)[0][0]
    got = np.stack(list(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling)))
    wanted = whole.div(2).add(0.5).mul(255).round().permute(1, 2, 3, 0).to(torch.uint8).numpy()
    assert got.shape == wanted.shape == (13, *wanted.shape[1:])
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


class PeakMemory(TorchDispatchMode):
    """Bytes of all tensors that live at once, at most."""

    def __init__(self):
        super().__init__()
        self.peak, self._live = 0, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._live[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._live = {key: (storage, size) for key, (storage, size) in self._live.items() if not storage.expired()}
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return out


def test_memory_of_decoding_does_not_grow_with_the_clip(adapter):
    peaks: list[int] = []
    for count in (3, 9):
        x = torch.randn(1, 4, count, 8, 8)
        with PeakMemory() as memory:
            assert sum(1 for _ in adapter.decode(x)) == 4 * count - 3
        peaks.append(memory.peak)
    assert peaks[1] < 1.02 * peaks[0]


@both
def test_nursing_is_on_all_experts_and_leaves_the_model_as_it_was(model):
    adapter: Any = wan(WanOptions(path=str(model))).load("cpu", "float32")
    weights, before = weights_and_processors(adapter)
    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)

    def run(timestep):
        return adapter.denoise(latents(adapter), torch.tensor(timestep), text)

    plain = {timestep: run(timestep) for timestep in (900, 100)}
    with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))), adapter.family) as nursing:
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() < 1e-6  # before the first step all is plain
        nursing.at(0, 4)
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() > 1e-4
    after, processors = weights_and_processors(adapter)
    assert all(one is other for one, other in zip(processors, before, strict=True))
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    assert torch.equal(run(900), plain[900])


@pytest.mark.parametrize(
    "operation",
    [
        Bias(lambda d: (-d.abs()).masked_fill(d.abs() > 1, -torch.inf)),
        Bias(lambda d: (-d.square()).exp(), stat="max"),
        Mix(lambda d: (d == 0).to(d), weight=0.5),
    ],
    ids=["window", "tar", "mix"],
)
def test_a_nursed_network_equals_one_whose_attention_is_materialised(adapter, operation):
    """The network's own processor, with the whole matrix of tokens by tokens in the place of its attention."""
    import torch.nn.functional as functional

    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)
    x, timestep = latents(adapter), torch.tensor(700)
    with nurse(adapter.denoiser, plan(adapter, Wants(operation)), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    position = torch.tensor(adapter.facts.clock(FRAMES, 16.0).positions, dtype=torch.float64)
    matrix = operation.fn(position[:, None] - position).float().repeat_interleave(4, 0).repeat_interleave(4, 1)
    stock = functional.scaled_dot_product_attention

    def materialised(query, key, value, *args, **kwargs):
        if query.shape[-2] != key.shape[-2] or query.shape[-2] != 4 * LATENT_FRAMES:
            return stock(query, key, value, *args, **kwargs)
        logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if isinstance(operation, Bias):
            row = logits.amax(-1, keepdim=True) if operation.stat == "max" else 1.0
            return (logits + row * matrix).softmax(-1) @ value
        inside = logits.masked_fill(matrix == 0, -torch.inf).softmax(-1)
        return (0.5 * logits.softmax(-1) + 0.5 * inside) @ value

    functional.scaled_dot_product_attention = materialised
    try:
        wanted = adapter.denoise(x, timestep, text)
    finally:
        functional.scaled_dot_product_attention = stock
    assert (got - wanted).abs().max() < 1e-5


def test_blocks_choose_where_a_regularizer_acts(adapter):
    planned = plan(adapter, Tar(TarOptions(sigma={0: 2}, blocks=(1, 1))))
    assert [site.site.index for site in planned.sites] == [1]
    assert planned.untouched == 1
    assert "frame-pair bias with row statistics (Tar)" in planned.describe(4)


@pytest.mark.parametrize(
    ("options", "message", "path"),
    [
        ({"blocks": (0, 7)}, "the model has no block 7; it has blocks 0 to 1", ("regularizers", 0, "blocks")),
        ({"sigma": {1: 8}}, "no temporal attention at level 1", ("regularizers", 0, "sigma")),
    ],
)
def test_naming_what_the_model_does_not_have_is_an_error(adapter, options, message, path):
    with pytest.raises(SpecError, match=message) as refused:
        plan(adapter, Tar(TarOptions(**options)))
    assert refused.value.path == path


def test_blocks_are_refused_on_a_model_with_levels(tiny_source):
    with pytest.raises(SpecError, match="the model's blocks have no numbers"):
        plan_attention(tiny_source.facts().sites, [Tar(TarOptions(blocks=(0, 1)))], Clock(8, 8.0))


@pytest.mark.parametrize(
    "operation",
    [Logits(lambda logits, distance: None), Wrap(lambda attend, q, k, v, i, j, call: attend(q, k, v, i, j))],
    ids=["changes of the logits", "wraps"],
)
def test_what_has_no_meaning_on_tokens_is_refused_with_the_reason(adapter, operation):
    with pytest.raises(SpecError, match=f"has a {type(operation).__name__} at transformer.blocks.0.attn1, where all tokens"):
        plan(adapter, Wants(operation))


def test_another_number_of_tokens_than_planned_is_an_error(adapter):
    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)
    with (
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1})), frames=25), adapter.family),
        pytest.raises(SamplerError, match="saw 20 tokens; its plan is for 7 latent frames"),
    ):
        adapter.denoise(latents(adapter), torch.tensor(900), text)


def test_an_attention_that_does_more_is_refused(adapter):
    attention = adapter.denoiser.transformer.blocks[1].attn1
    stock = attention.processor
    changed = WanAttnProcessor()
    changed._attention_backend = "flash"  # pyright: ignore[reportAttributeAccessIssue]
    attention.set_processor(changed)
    try:
        with (
            pytest.raises(ModelError, match=r"blocks\.1\.attn1 has an attention backend"),
            nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
        ):
            pass
    finally:
        attention.set_processor(stock)
    assert isinstance(adapter.denoiser.transformer.blocks[0].attn1.processor, WanAttnProcessor)


def test_recorded_maps_say_how_much_of_a_frame_goes_to_every_other(adapter):
    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)
    sites = [Site.at(address, adapter.facts.clock(FRAMES, 16.0)) for address in adapter.facts.sites]
    recording = Recording(sites, steps=[0])
    identity = Wants(Mix(lambda d: (d == 0).to(d)), blocks=(1, 1))
    with nurse(adapter.denoiser, plan(adapter, identity), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter), torch.tensor(900), text)
    own, replaced = recording.maps()[0]
    torch.testing.assert_close(replaced, torch.eye(LATENT_FRAMES))
    torch.testing.assert_close(own.sum(-1), torch.ones(LATENT_FRAMES))
    assert own.min() > 0


def test_a_prompt_that_is_too_long_says_what_is_cut(adapter):
    assert adapter.cut_off(ONE) == ""
    assert adapter.cut_off("a " * 510 + "green winter autumn") == "winter autumn"


def test_a_network_whose_weights_do_not_fit_is_refused(wan_21, tmp_path):
    copied = tmp_path / "model"
    shutil.copytree(wan_21, copied)
    config = copied / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_layers": 3}))
    with pytest.raises(ModelError, match="weights do not match"):
        wan(WanOptions(path=str(copied))).load("cpu", "float32")


REAL = {
    "transformer": {
        "num_attention_heads": 12,
        "attention_head_dim": 128,
        "ffn_dim": 8960,
        "num_layers": 30,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": 4096,
        "freq_dim": 256,
        "patch_size": [1, 2, 2],
    },
    "text_encoder": {
        "vocab_size": 256384,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 2,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
        "model_type": "umt5",
    },
    "vae": {"z_dim": 16, "base_dim": 96},
}


def test_the_real_configuration_of_the_small_model(wan_21, tmp_path):
    """Wan 2.1 1.3B: sites, size of the clip and an estimate of its cost, without weights."""
    for component, config in REAL.items():
        (tmp_path / component).mkdir()
        (tmp_path / component / "config.json").write_text(json.dumps(config))
    shutil.copy(wan_21 / "model_index.json", tmp_path)
    shutil.copytree(wan_21 / "scheduler", tmp_path / "scheduler")
    source = wan(WanOptions(path=str(tmp_path)))
    facts = source.facts()
    facts.check(81, 832, 480)
    assert (len(facts.sites), facts.clock(81, 16.0).latents, facts.max_frames) == (30, 21, 4093)
    with torch.device("meta"):
        network = WanTransformer3DModel.from_config(REAL["transformer"])
    experts = WanExperts(network)  # pyright: ignore[reportArgumentType]
    check_sites(network, facts, self_attentions(experts), tmp_path)  # pyright: ignore[reportArgumentType]
    estimate = source.estimate(Workload(frames=81, width=832, height=480, branches=1, dtype="bfloat16"))
    assert 1.3e9 < estimate.weights["denoiser"] / 2 < 1.5e9
    attention = 4 * 32760**2 * 1536 * 30
    assert attention < estimate.call_flops < 2 * attention
    assert 2**30 < estimate.decode_bytes < 10 * 2**30
