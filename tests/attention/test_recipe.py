"""Words, memory and execution derive from one value."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vstar_sdk.attention.chunks import attention_bytes, chunk_numbers, joint_chunk_numbers
from vstar_sdk.attention.compiler import Compiled
from vstar_sdk.attention.executors import plain_attention
from vstar_sdk.attention.operations import Bias, Logits, Mix, Operation, Rotary, Scale, Wrap
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import RotaryPositions, Site, SiteKind

SITE = Site("attn", "down", 0, 2, 16, 6, 8.0)
JOINT = Site("attn", "stack", 0, 2, 16, 6, 8.0, kind="joint", index=0)


def band(distance):
    return -distance.abs()


def flat(distance):
    return torch.full_like(distance, 1 / len(distance))


def recipe(*operations: Operation, kind: SiteKind = "factorised"):
    return lower([Act("it", (0.0, 1.0), operations)], kind)


def attend(site, made):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(3, 2, 12 if site.kind == "joint" else 6, 16, generator=generator) for _ in range(3))
    return Compiled(site, made).attend(q, k, v), plain_attention(q, k, v)


@pytest.mark.parametrize("site", [SITE, JOINT], ids=["factorised", "joint"])
@pytest.mark.parametrize(
    "nothing",
    [
        Bias(band, strength=0.0),
        Bias(band, stat="max", strength=0.0),
        Scale(),
        Scale(q=(1.0,) * 6, k=1.0),
        Mix(flat, weight=0.0),
    ],
    ids=["bias", "row statistics", "scale", "scales", "mix"],
)
def test_what_does_nothing_is_planned_as_nothing_costs_nothing_and_is_the_plain_attention(nothing, site):
    made = recipe(nothing, kind=site.kind)
    assert made == recipe(kind=site.kind)
    assert made.words == "sdpa"
    assert attention_bytes(made, "cpu", 3) == 0
    out, plain = attend(site, made)
    assert torch.equal(out, plain)


def test_a_bias_whose_function_gives_zeros_is_executed_as_it_is_told():
    made = recipe(Bias(torch.zeros_like, stat="max"))
    assert made.words == "row statistics"
    assert attention_bytes(made, "cpu", 3) > 0
    out, plain = attend(SITE, made)
    assert torch.allclose(out, plain, atol=1e-6)


def test_strength_multiplies_the_bias():
    for stat in ("none", "max", "spread"):
        half, _ = attend(SITE, recipe(Bias(band, stat=stat, strength=0.5)))
        folded, _ = attend(SITE, recipe(Bias(lambda distance: 0.5 * band(distance), stat=stat)))
        assert torch.equal(half, folded)


def test_a_map_of_weight_1_undoes_all_before_it():
    made = recipe(Bias(band, stat="max"), Mix(flat, 0.5), Mix(flat), Mix(flat, 0.25))
    assert made.words == "a map"
    assert attention_bytes(made, "cpu", 3) == 0
    assert [mix.operation.weight for mix in made.mixes] == [1.0, 0.25]
    assert not made.biases


def test_at_a_joint_site_scales_and_positions_still_act_inside_the_frames_of_a_map_of_weight_1():
    site = replace(JOINT, rotary=RotaryPositions((1.0, 0.5)))
    scale, rotary = (
        Scale(q=(1.0, 2.0, 0.5, 1.5, 1.0, 3.0), k=2.0),
        Rotary(lambda at, frequencies: 2.0 * at[:, None] * frequencies),
    )
    made = lower([Act("it", (0.0, 1.0), (Bias(band), rotary, scale, Mix(flat, 0.5), Mix(flat)))], "joint")
    assert made.words == "rotated scaled a map"
    assert not made.biases
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 3, 2, 12, 16, generator=generator, dtype=torch.float64)
    frame, factors = torch.arange(6).repeat_interleave(2), torch.tensor(scale.q, dtype=torch.float64)
    angles = frame[:, None] * torch.tensor(
        (1.0, 0.5), dtype=torch.float64
    )  # what is turned further: twice the model's own, less it
    turned = []
    for x in (q * factors[frame, None], 2.0 * k):
        pairs = torch.view_as_complex(x[..., :4].unflatten(-1, (2, 2)).contiguous()) * torch.polar(
            torch.ones_like(angles), angles
        )
        turned.append(torch.cat([torch.view_as_real(pairs).flatten(-2), x[..., 4:]], dim=-1))
    logits = (turned[0] @ turned[1].mT / 4.0).unflatten(-1, (6, 2))
    expected = (logits.softmax(-1) / 6).flatten(-2) @ v
    got = Compiled(site, made).attend(q.float(), k.float(), v.float())
    torch.testing.assert_close(got.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("operations", "chunked"),
    [
        ((), False),
        ((Bias(band),), False),
        ((Bias(band, stat="max"),), True),
        ((Bias(band, stat="spread"), Scale(q=2.0)), True),
        ((Logits(lambda logits, distance: None),), True),
        ((Scale(q=2.0), Mix(flat, 0.5)), False),
        ((Wrap(lambda call_next, *given: call_next(*given[:-1])),), False),
    ],
)
def test_memory_is_that_of_the_executor_that_is_told(operations, chunked):
    """Two chunks in float32 where logits are made, and nothing where PyTorch makes them."""
    made = recipe(*operations)
    assert attention_bytes(made, "cpu", 3) == (8 * chunk_numbers("cpu", 3) if chunked else 0)
    assert ("row statistics" in made.words or "changed logits" in made.words) == chunked


def test_a_share_of_a_change_takes_a_chunk_more():
    act = Act("it", (0.0, 1.0), (Logits(lambda logits, distance: None),), 0, 0.5)
    assert attention_bytes(lower([act], "factorised"), "cpu", 3) == 12 * chunk_numbers("cpu", 3)


def test_memory_of_joint_sites():
    assert attention_bytes(recipe(Bias(band), kind="joint"), "cpu", 3) == 8 * joint_chunk_numbers("cpu")
    assert attention_bytes(recipe(Bias(band), kind="joint"), "cuda", 3) == 0
    assert attention_bytes(recipe(Bias(band, stat="max"), kind="joint"), "cuda", 3) == 8 * joint_chunk_numbers("cuda")


def test_whose_an_operation_is_stays_known():
    acts = [Act("one", (0.0, 1.0), (Bias(band),)), Act("two", (0.0, 1.0), (Bias(band, stat="max"), Scale(q=2.0)))]
    made = lower(acts, "factorised")
    assert [bias.regularizer for bias in made.biases] == ["one", "two"]
    assert [scale.regularizer for scale in made.scales] == ["two"]
    assert made.statistics == {"none", "max"}
