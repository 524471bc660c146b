"""Caches of diffusers in the denoiser: against its own pipelines, and what they rule out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.hooks.first_block_cache import FirstBlockCacheConfig
from diffusers.hooks.mag_cache import MagCacheConfig
from diffusers.hooks.taylorseer_cache import TaylorSeerCacheConfig
from pydantic import ValidationError

from tests.attaching.families import FAMILIES
from tests.denoised import denoised, scheduler_for
from tests.transformer_models import FEW, ONE, OTHER, SOURCES, clock, latents, one_text, source
from vstar_sdk import SamplerError, SpecError, load_spec
from vstar_sdk.models.caches import FirstBlockCache, MagCache, TaylorSeerCache
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.schedule import evaluations

slow = pytest.mark.slow
LAYERS = [r"blocks\.\d+\.attn1", r"blocks\.\d+\.attn2", r"blocks\.\d+\.ffn"]
FIRST: dict[str, Any] = {"use": "first-block", "threshold": 0.5}
TAYLOR: dict[str, Any] = {"use": "taylorseer", "interval": 3, "warm_up": 1}
MAG: dict[str, Any] = {"use": "magcache", "ratios": [1.0, 0.99], "threshold": 5.0, "most": 1}
STEPS = 5
OF_TEXT = (
    "wan_21",
    "skyreels_dir",
    "tiny_ltx",
    "tiny_ltx2",
    "cogvideox_5b",
    "hunyuan15_dir",
    "kandinsky5_dir",
    "mochi_dir",
    "motif_dir",
    "minimax_h3_dir",
)


def theirs(cache: dict[str, Any], layers: list[str]) -> Any:
    """What somebody would give diffusers' pipeline."""
    if cache["use"] == "first-block":
        return FirstBlockCacheConfig(threshold=0.5)
    if cache["use"] == "magcache":
        return MagCacheConfig(threshold=5.0, max_skip_steps=1, num_inference_steps=STEPS, mag_ratios=[1.0, 0.99])
    return TaylorSeerCacheConfig(
        cache_interval=3, disable_cache_before_step=1, taylor_factors_dtype=torch.float32, cache_identifiers=layers
    )


def cached(name: str, directory: Any, cache: dict[str, Any] | None) -> Any:
    return source(name, directory, cache=cache).load("cpu", "float32")


@pytest.mark.parametrize(
    ("family", "name", "cache", "batch", "side"),
    [
        ("wan 2.1", "wan_21", FIRST, "two", 32),
        pytest.param("wan 2.1", "wan_21", TAYLOR, "two", 32, marks=slow),
        pytest.param("wan 2.1", "wan_21", MAG, "two", 32, marks=slow),
        pytest.param("cogvideox 5b", "cogvideox_5b", FIRST, "one", 32, marks=slow),
        pytest.param("cogvideox 5b", "cogvideox_5b", MAG, "one", 32, marks=slow),
    ],
)
def test_a_run_with_a_cache_is_its_pipeline_with_the_same_cache(request, family, name, cache, batch, side):
    directory = request.getfixturevalue(name)
    pipe, adapter = FAMILIES[family].load(directory), cached(name, directory, cache)
    noise, built = latents(adapter), scheduler_for(adapter.facts.scheduler, adapter.scheduler_config)
    pipe.scheduler = built
    given = noise.permute(0, 2, 1, 3, 4) if name == "cogvideox_5b" else noise
    asked = {"prompt": ONE, "negative_prompt": OTHER, "num_frames": 17, "height": side, "width": side, "guidance_scale": 4.0}
    asked |= {"num_inference_steps": STEPS, "output_type": "latent"}
    plain = pipe(**asked, latents=given).frames
    pipe.transformer.enable_cache(theirs(cache, LAYERS))
    wanted = pipe(**asked, latents=given).frames
    assert (wanted - plain).abs().max() > 1e-3, "the cache leaves something out"
    wanted = wanted.permute(0, 2, 1, 3, 4) if name == "cogvideox_5b" else wanted
    text, negative = adapter.encode([ONE, OTHER])
    text = text.expand(clock(adapter).latents, -1, -1)
    for _ in range(2):  # a second run begins with an empty cache
        with adapter.running([[1.0]] * clock(adapter).latents, STEPS):
            got = denoised(adapter, text, negative, noise, built, steps=STEPS, guidance=4.0, guidance_batch=batch)
        assert (got - wanted).abs().max() < 1e-5
    assert not any(network.is_cache_enabled for network in adapter.networks)


@slow
@pytest.mark.parametrize(
    ("name", "use"),
    [(name, use) for name in OF_TEXT for use in sorted(SOURCES[name][1].CACHES)],
)
def test_every_cache_that_a_family_offers_leaves_out_something_and_ends_with_the_run(request, name, use):
    written = {"first-block": FIRST, "taylorseer": TAYLOR, "magcache": MAG}[use]
    adapter = cached(name, request.getfixturevalue(name), written)
    if name == "hunyuan15_dir":
        object.__setattr__(adapter, "lengths", FEW)
    side = 64 if name.startswith(("tiny_ltx", "minimax")) else 32
    ran: list[int] = []
    blocks = [module for module in adapter.denoiser.modules() if hasattr(module, "to_q") or hasattr(module, "to_query")]
    hooks = [(getattr(block, "to_q", None) or block.to_query).register_forward_hook(lambda *_: ran.append(1)) for block in blocks]

    def calls() -> list[int]:
        counts: list[int] = []
        for timestep in (900.0, 800.0, 700.0, 600.0):
            ran.clear()
            with adapter.calling(["prompt"]):
                out = adapter.denoise(latents(adapter, side=side), torch.tensor(timestep), one_text(adapter))
            assert out.isfinite().all()
            counts.append(len(ran))
        return counts

    with adapter.running([[1.0]] * clock(adapter).latents, 4):
        counts = calls()
    assert min(counts) < counts[0]
    for hook in hooks:
        hook.remove()


def test_a_cache_that_diffusers_does_not_have_for_a_familys_blocks_is_refused_by_name(tmp_path):
    with pytest.raises(ValidationError, match="diffusers has no cache first-block for the blocks of ltx2: it has taylorseer"):
        source("tiny_ltx2", tmp_path, cache=FIRST)


@pytest.mark.parametrize(
    ("rule", "computed"),
    [
        (FirstBlockCache(use="first-block"), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (1, 0)]),
        (TaylorSeerCache(use="taylorseer", interval=3, warm_up=2), [(b, s) for b in (0, 1) for s in (0, 1, 3, 6)]),
        (MagCache(use="magcache", ratios=[1.0], warm_up=0.25), [(b, s) for b in (0, 1) for s in (0, 1)]),
    ],
)
def test_what_is_surely_computed(rule, computed):
    assert {(b, s) for b in (0, 1) for s in range(8) if rule.computes(b, s, 8)} == set(computed)


def spec(directory: Any, cache: Any, **changes: Any) -> Any:
    model = {"use": "wan", "path": str(directory), "cache": cache}
    states = {"use": "states", "states": [ONE]}
    own = {"model": model, "synopsis": states, "frames": 17, "size": [32, 32], "sampling": {"steps": 8}, "regularizers": []}
    return load_spec({**own, **changes})


TAR: dict[str, Any] = {"use": "tar", "sigma": 1}


@pytest.mark.parametrize(
    ("cache", "changes", "message", "hint"),
    [
        (
            FIRST,
            {"regularizers": [TAR]},
            "first-block would skip tar: .* block 1 is that of an earlier",
            "blocks: [0, 0]",
        ),
        (TAYLOR, {"regularizers": [TAR]}, "the cache taylorseer would skip tar", "within the first 1 steps"),
        (MAG, {"regularizers": [{**TAR, "window": [0.0, 0.5]}]}, "the cache magcache would skip tar", "window: [0, 0.2]"),
        (FIRST, {"sampling": {"steps": 8, "guidance": {"use": "pag"}}}, "leaves out attention that the guidance changes", "cfg"),
        (FIRST, {"metrics": [{"use": "diagonalness"}]}, "attention whose maps a metric measures", "remove the cache"),
    ],
)
def test_what_a_cache_would_skip_is_refused_with_the_reason(wan_21, cache, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        make_plan(spec(wan_21, cache, **changes))
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize(
    ("cache", "regularizer"),
    [
        (FIRST, {**TAR, "blocks": [0, 0]}),
        ({**TAYLOR, "warm_up": 4}, {**TAR, "window": [0.0, 0.5]}),
        (MAG, {**TAR, "window": [0.0, 0.25]}),
    ],
)
def test_what_is_computed_in_any_case_may_be_regularized(wan_21, cache, regularizer):
    assert make_plan(spec(wan_21, cache, regularizers=[regularizer])).attention.sites


def test_of_two_experts_only_the_first_block_is_sure(wan_22):
    late = {**TAR, "window": [0.0, 0.5]}
    with pytest.raises(SpecError, match="would skip tar"):
        make_plan(spec(wan_22, {**TAYLOR, "warm_up": 8}, regularizers=[late]))
    assert make_plan(spec(wan_22, FIRST, regularizers=[{**TAR, "blocks": [0, 0]}]))


@pytest.mark.parametrize("cache", [FIRST, TAYLOR, MAG])
def test_a_scheduler_that_evaluates_the_model_twice_in_a_step_is_refused(wan_21, cache):
    heun = {"use": "diffusers", "name": "FlowMatchHeunDiscreteScheduler"}
    refused = make_plan(spec(wan_21, cache, sampling={"steps": 8, "scheduler": heun}))
    with pytest.raises(
        SpecError, match="one evaluation a step, and FlowMatchHeunDiscreteScheduler takes 15 for 8 steps"
    ) as error:
        evaluations(refused)
    assert error.value.path == ("model", "cache")
    assert evaluations(make_plan(spec(wan_21, cache))) == 8


def test_a_run_with_a_cache_cannot_pause(session, wan_21, tmp_path):
    with pytest.raises(SamplerError, match="the run cannot pause: the cache first-block has memory of earlier steps"):
        session.start(spec(wan_21, FIRST), out=tmp_path / "run", pause_after=2).result()
