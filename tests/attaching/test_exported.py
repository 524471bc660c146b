"""Regularizers as a callable (q, k, v, params) -> out, against the formula and against the executors of a run."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import vstar_sdk
from vstar_sdk import AttentionParams, Bias, Clock, ModelError, Rhythm, SamplerError, SiteAddress, SpecError, export_attention
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import plain_attention
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import gaussian_band

HEADS, WIDTH, POSITIONS, STEPS = 2, 16, 6, 20
CLOCK = Clock(17, 16.0, Rhythm.causal(4))
JOINT = SiteAddress("blocks.0", "stack", 0, HEADS, WIDTH, kind="joint", index=0)
FACTORISED = SiteAddress("temporal", "down", 0, HEADS, WIDTH)


def drawn(tokens: int, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as an engine has them: tokens before heads."""
    query, key, value = torch.randn(3, batch, tokens, HEADS, WIDTH, generator=torch.Generator().manual_seed(0))
    return query, key, value


def spread_band(q: Tensor, k: Tensor, v: Tensor, band: Tensor, before: int, after: int, visible: Tensor) -> Tensor:
    """TAR in float64 with every logit materialised: its statistic is of the video's keys, its band between video tokens."""
    q, k, v = (x.double().transpose(1, 2) for x in (q, k, v))
    logits = q @ k.transpose(-1, -2) / math.sqrt(WIDTH)
    video = slice(before, q.shape[2] - after)
    inside = logits[:, :, video, video]
    spread = inside.amax(-1, keepdim=True) - inside.mean(-1, keepdim=True)
    logits[:, :, video, video] = inside + spread * band.repeat_interleave(POSITIONS, 0).repeat_interleave(POSITIONS, 1)
    logits = logits.masked_fill(~visible[:, None, None], -torch.inf)
    return (logits.softmax(-1) @ v).transpose(1, 2)


def test_tar_in_a_joint_sequence_is_the_formula():
    before, after = 2, 5
    q, k, v = drawn(CLOCK.latents * POSITIONS + before + after)
    visible = torch.ones(2, q.shape[1], dtype=torch.bool)
    visible[1, -3:] = False
    exported = export_attention([{"use": "tar", "sigma": 2.0}], [JOINT], CLOCK)
    out = exported(q, k, v, AttentionParams("blocks.0", 0, STEPS, before=before, after=after, visible=visible))
    position = torch.tensor(CLOCK.positions, dtype=torch.float64)
    band = 0.5 * torch.exp(-((position[:, None] - position) ** 2) / (2 * 2.0**2))
    wanted = spread_band(q, k, v, band, before, after, visible)
    shown = visible[..., None, None]
    assert out.shape == q.shape
    torch.testing.assert_close(out.double() * shown, wanted * shown, atol=1e-6, rtol=0)


def test_tar_over_the_frames_of_every_position_is_the_papers_form():
    q, k, v = drawn(8, batch=12)
    out = export_attention(["tar"], [FACTORISED], Clock(8, 8.0))(q, k, v, AttentionParams("temporal", 0, STEPS))
    logits = torch.einsum("bihd,bjhd->bhij", q.double(), k.double()) / math.sqrt(WIDTH)
    logits = logits + logits.amax(-1, keepdim=True) * gaussian_band(8, 4.0)
    wanted = torch.einsum("bhij,bjhd->bihd", logits.softmax(-1), v.double())
    torch.testing.assert_close(out.double(), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "use",
    [
        {"use": "alibi"},
        *(
            pytest.param(use, marks=pytest.mark.slow)
            for use in ("tar", "identity", "uniform", {"use": "window", "radius": 2}, {"use": "temperature", "scale": 1.5})
        ),
    ],
)
@pytest.mark.parametrize("site", [JOINT, FACTORISED])
def test_what_is_computed_is_what_the_executors_of_a_run_compute(use: str | dict[str, object], site: SiteAddress):
    clock = CLOCK if site is JOINT else Clock(5, 8.0)
    exported = export_attention([use], [site], clock)
    q, k, v = drawn(clock.latents * (POSITIONS if site is JOINT else 1))
    out = exported(q, k, v, AttentionParams(site.name, 0, STEPS))
    executor = compile_acts(exported.sites[site.name], exported.plan.sites[0].acts)
    wanted = executor(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(out, wanted, atol=1e-6, rtol=0)


def test_heads_before_tokens_and_a_scale_of_the_engines_own():
    exported = export_attention(["tar"], [FACTORISED], Clock(8, 8.0))
    q, k, v = drawn(8)
    first = exported(q, k, v, AttentionParams("temporal", 0, STEPS))
    params = AttentionParams("temporal", 0, STEPS, scale=3 / math.sqrt(WIDTH), axes="bhnd")
    again = exported((q / 3).transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), params)
    torch.testing.assert_close(again.transpose(1, 2), first, atol=1e-6, rtol=0)


def test_outside_of_the_window_it_is_plain_attention_and_a_new_run_begins_inside():
    exported = export_attention([{"use": "tar", "window": [0.0, 0.5]}], [FACTORISED], Clock(8, 8.0))
    q, k, v = drawn(8)
    inside, outside, again = (exported(q, k, v, AttentionParams("temporal", step, STEPS)) for step in (9, 10, 0))
    plain = plain_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
    assert torch.equal(outside, plain)
    assert torch.equal(inside, again)
    assert [exported.acts("temporal", step, STEPS) for step in (9, 10, 0)] == [True, False, True]
    assert not exported.acts("elsewhere", 0, STEPS)
    off = export_attention([{"use": "tar", "strength": {"from": 1.0, "to": 0.0}}], [FACTORISED], Clock(8, 8.0))
    assert [off.acts("temporal", step, STEPS) for step in (0, 9, 10)] == [True, True, False]
    assert not export_attention([{"use": "tar", "strength": 0.0}], [FACTORISED], Clock(8, 8.0)).acts("temporal", 0, STEPS)
    assert not torch.allclose(inside, plain, atol=1e-3)


def test_branches_of_the_guidance_are_told_apart():
    class Prompted:
        options = RegularizerOptions(window=(0.0, 1.0))

        def operations(self, site: object) -> tuple[Bias, ...]:
            return (Bias(lambda distance: distance.abs(), branches="prompt"),)

    exported = export_attention([Prompted()], [FACTORISED], Clock(8, 8.0))
    q, k, v = drawn(8, batch=6)
    out = exported(q, k, v, AttentionParams("temporal", 0, STEPS, prompted=(False, True)))
    plain = plain_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
    assert torch.equal(out[:3], plain[:3])
    assert not torch.allclose(out[3:], plain[3:], atol=1e-3)


def test_options_that_are_left_out_are_those_of_a_run():
    def made(sites: list[SiteAddress], written: dict[str, object]) -> tuple[str, float]:
        act = export_attention([{"use": "tar"} | written], sites, CLOCK).plan.sites[0].acts[0]
        bias = act.operations[0]
        assert isinstance(bias, Bias)
        assert isinstance(act.strength, float)
        return bias.stat, act.strength

    assert made([JOINT], {}) == ("spread", 0.5)
    assert made([JOINT], {"strength": 0.75}) == ("spread", 0.75)
    assert made([FACTORISED], {}) == ("max", 1.0)


def test_the_sites_of_a_known_class():
    config = {"num_layers": 2, "num_attention_heads": 4, "attention_head_dim": 12, "patch_size": (1, 2, 2)}
    assert [site.name for site in vstar_sdk.sites_of("WanTransformer3DModel", config)] == ["blocks.0.attn1", "blocks.1.attn1"]
    with pytest.raises(ModelError, match="no family knows Nonesuch") as caught:
        vstar_sdk.sites_of("Nonesuch", config)
    assert "WanTransformer3DModel" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("tokens", "params", "message"),
    [
        (29, AttentionParams("blocks.0", 0, STEPS), "29 queries and 29 keys are not the tokens of 5 frames"),
        (32, AttentionParams("blocks.0", 0, STEPS, before=1), "1 before and 0 behind"),
        (30, AttentionParams("blocks.9", 0, STEPS), "no regularizer acts at 'blocks.9'"),
    ],
)
def test_tokens_of_another_clip_and_other_sites_are_refused(tokens: int, params: AttentionParams, message: str):
    exported = export_attention(["tar"], [JOINT], CLOCK)
    with pytest.raises(SamplerError, match=message):
        exported(*drawn(tokens), params)


@pytest.mark.parametrize(
    ("regularizers", "message"),
    [
        ([], "nothing to export"),
        ([{"use": "tar", "sigma": {3: 1}}], "no temporal attention at level 3"),
        ([{"use": "tar", "window": [0.0, 0.01]}], "holds none of 20 steps"),
    ],
)
def test_what_would_do_nothing_is_refused(regularizers: list[dict[str, object]], message: str):
    with pytest.raises(SpecError, match=message):
        export_attention(regularizers, [JOINT], CLOCK, steps=STEPS)
