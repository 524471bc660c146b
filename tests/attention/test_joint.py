"""Joint sites: attention over the tokens of all frames, against the formula with everything materialised."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.executors import Executor, MaskedAttention, MixedAttention, ScaledAttention, plain_attention
from vstar_sdk.attention.joint import (
    JointAttention,
    MixedJointAttention,
    ScaledJointAttention,
)
from vstar_sdk.attention.joint_biases import attend_by_rows, attend_without_mask
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.attention.operations import Statistic

FRAMES, POSITIONS, HEAD_DIM = 5, 24, 16
Biases = dict[Statistic, Tensor]
ways = pytest.mark.parametrize("attend", [attend_by_rows, attend_without_mask])
statistics = pytest.mark.parametrize("stats", [("none",), ("max",), ("spread",), ("none", "max", "spread")])
sizes = pytest.mark.parametrize("size", [0.1, 1.0, 30.0, 3000.0])


def tokens(size: float = 1.0, dtype: torch.dtype = torch.float32, positions: int = POSITIONS) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as a transformer has them: the heads lie behind the tokens."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, 2, FRAMES * positions, 3, HEAD_DIM, generator=generator).transpose(2, 3)
    q, k, v = (size * drawn[0], drawn[1], drawn[2])
    return q.to(dtype), k.to(dtype), v.to(dtype)


def band(size: float) -> Tensor:
    """A bias that depends on both frames and is not symmetric."""
    generator = torch.Generator().manual_seed(1)
    return size * torch.rand(FRAMES, FRAMES, generator=generator, dtype=torch.float64)


def reference(q: Tensor, k: Tensor, v: Tensor, biases: Biases) -> Tensor:
    """The formula in float64, with the whole matrix of tokens by tokens."""
    q, k, v = (x.double() for x in (q, k, v))
    logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    largest, mean = logits.amax(-1, keepdim=True), logits.mean(-1, keepdim=True)
    rows = {"none": torch.ones_like(largest), "max": largest, "spread": largest - mean}
    positions = q.shape[-2] // FRAMES
    for stat, bias in biases.items():
        expanded = bias.double().repeat_interleave(positions, 0).repeat_interleave(positions, 1)
        logits = logits + torch.where(expanded == -torch.inf, expanded, rows[stat] * expanded)
    return logits.softmax(-1) @ v


def worst(got: Tensor, wanted: Tensor) -> float:
    return float((got.double() - wanted).abs().max())


@ways
@statistics
@sizes
def test_the_bias_equals_the_materialised_one_in_float32(attend, stats, size):
    q, k, v = tokens()
    biases: Biases = {stat: band(size) for stat in stats}
    got = attend(q, k, v, {stat: bias.float() for stat, bias in biases.items()})
    wanted = reference(q, k, v, {stat: bias.float() for stat, bias in biases.items()})
    assert worst(got, wanted) < 1e-5


@ways
@statistics
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@sizes
def test_the_bias_is_as_near_in_half_precision_as_plain_attention_is(attend, stats, dtype, size):
    q, k, v = tokens(dtype=dtype)
    biases: Biases = {stat: band(size).float() for stat in stats}
    noise = worst(scaled_dot_product_attention(q, k, v), reference(q, k, v, {}))
    large = worst(scaled_dot_product_attention(4 * q, k, v), reference(4 * q, k, v, {}))  # as sharp as a bias makes it
    assert worst(attend(q, k, v, biases), reference(q, k, v, biases)) < 1.5 * max(noise, large)


@ways
def test_a_hidden_frame_is_not_seen_at_all(attend):
    q, k, v = tokens()
    bias = band(1.0)
    bias[0, 3], bias[2, 0], bias[4, :4] = -torch.inf, -torch.inf, -torch.inf
    got = attend(q, k, v, {"none": bias.float()})
    assert worst(got, reference(q, k, v, {"none": bias.float()})) < 1e-5
    v.unflatten(2, (FRAMES, -1))[:, :, 3] = 1e6
    again = attend(q, k, v, {"none": bias.float()})
    assert torch.equal(again[:, :, :POSITIONS], got[:, :, :POSITIONS])


@ways
def test_a_bias_that_is_the_same_for_all_frames_of_a_row_changes_nothing(attend):
    q, k, v = tokens()
    flat = torch.full((FRAMES, FRAMES), 7.0)
    assert worst(attend(q, k, v, {"max": flat}), reference(q, k, v, {})) < 1e-5


@ways
def test_chunks_do_not_change_the_result(attend):
    q, k, v = tokens()
    biases: Biases = {"max": band(1.0).float(), "none": band(1.0).float()}
    whole = attend(q, k, v, biases)
    for chunk in (1, 7 * FRAMES * POSITIONS, 2**30):
        torch.testing.assert_close(attend(q, k, v, biases, chunk=chunk), whole, atol=1e-6, rtol=0)


@pytest.mark.slow
@ways
def test_no_matrix_of_tokens_by_tokens_is_made(attend):
    q, k, v = tokens(positions=200)
    with torch.profiler.profile(profile_memory=True) as profile:
        attend(q, k, v, {"max": band(1.0).float()}, chunk=2**12)
    largest = max(event.cpu_memory_usage for event in profile.events() or ())
    assert largest < q.shape[-2] ** 2  # bytes: a quarter of one head's logits


@pytest.mark.parametrize(
    ("joint", "factorised"),
    [
        (JointAttention({"none": band(2.0)}), MaskedAttention(band(2.0))),
        (JointAttention({"max": band(1.0), "spread": band(2.0)}), LogitsAttention({"max": band(1.0), "spread": band(2.0)})),
        (
            ScaledJointAttention(plain_attention, torch.arange(1.0, 6.0), torch.arange(2.0, 7.0)),
            ScaledAttention(plain_attention, torch.arange(1.0, 6.0), torch.arange(2.0, 7.0)),
        ),
        (
            MixedJointAttention(plain_attention, 0.75, 0.25 * band(1.0).softmax(-1)),
            MixedAttention(plain_attention, 0.75, 0.25 * band(1.0).softmax(-1)),
        ),
    ],
    ids=["bias", "row statistics", "scale", "mix"],
)
def test_with_one_position_a_frame_a_joint_site_is_a_factorised_one(joint: Executor, factorised: Executor):
    q, k, v = tokens(positions=1)
    torch.testing.assert_close(joint(q, k, v), factorised(q, k, v), atol=1e-5, rtol=0)


def test_a_scale_holds_for_all_tokens_of_its_frame():
    q, k, v = tokens()
    factors = torch.tensor([0.5, 1.0, 2.0, 3.0, 0.0], dtype=torch.float64)
    per_token = factors.float().repeat_interleave(POSITIONS)[:, None]
    got = ScaledJointAttention(plain_attention, factors, None)(q, k, v)
    torch.testing.assert_close(got, scaled_dot_product_attention(q * per_token, k, v))


def test_the_identity_map_makes_every_frame_attend_to_its_own_tokens_alone():
    q, k, v = tokens()
    alone = [scaled_dot_product_attention(*frame) for frame in zip(*(x.split(POSITIONS, dim=2) for x in (q, k, v)), strict=True)]
    got = MixedJointAttention(plain_attention, 0.0, torch.eye(FRAMES, dtype=torch.float64))(q, k, v)
    torch.testing.assert_close(got, torch.cat(alone, dim=2))


def test_a_fixed_map_says_how_much_of_a_query_goes_to_every_frame():
    q, k, _ = tokens()
    frame_of = torch.arange(FRAMES).repeat_interleave(POSITIONS)
    values = torch.nn.functional.one_hot(frame_of, HEAD_DIM).float().expand_as(k)
    fixed = band(3.0).softmax(-1)
    got = MixedJointAttention(plain_attention, 0.0, fixed)(q, k, values)
    wanted = fixed.float()[frame_of]
    torch.testing.assert_close(got[..., :FRAMES], wanted.expand_as(got[..., :FRAMES]), atol=1e-5, rtol=0)
