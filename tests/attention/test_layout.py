"""Joint sites whose sequence holds text too: no operation touches text, padding is not seen, and memory stays small."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import plain_attention
from vstar_sdk.attention.joint import JointAttention, MixedJointAttention, ScaledJointAttention
from vstar_sdk.attention.joint_biases import attend_by_rows, attend_without_mask
from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.operations import Bias, Statistic
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.measuring import LiveBytes

FRAMES, POSITIONS, TEXT, HEAD_DIM = 4, 6, 5, 16
TOKENS = FRAMES * POSITIONS + TEXT
Biases = dict[Statistic, Tensor]
ways = pytest.mark.parametrize("attend", [attend_by_rows, attend_without_mask])


def layout(name: str) -> Layout:
    """Five tokens of text before the video, behind it, or on both sides; of two videos one may have less text."""
    before = {"first": TEXT, "last": 0, "both": 2}[name.partition(" ")[0]]
    visible = torch.ones(2, TOKENS, dtype=torch.bool)
    texts = Layout(before, TEXT - before).texts
    if name.endswith("masked"):
        for text in texts:
            visible[0, text][-1] = False
            visible[1, text] = False  # nothing but padding
    return Layout(before, TEXT - before, visible if name.endswith("masked") else None)


layouts = pytest.mark.parametrize(
    "name",
    [
        "first",
        "last masked",
        "both masked",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("last", "both", "first masked")),
    ],
)


def sequence(size: float = 1.0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    drawn = torch.randn(3, 2, TOKENS, 3, HEAD_DIM, generator=torch.Generator().manual_seed(0)).transpose(2, 3)
    return (size * drawn[0]).to(dtype), drawn[1].to(dtype), drawn[2].to(dtype)


def band(size: float) -> Tensor:
    return size * torch.rand(FRAMES, FRAMES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def reference(q: Tensor, k: Tensor, v: Tensor, biases: Mapping[Statistic, Tensor], where: Layout) -> Tensor:
    """The formula in float64, with the whole matrix of tokens by tokens."""
    q, k, v = (x.double() for x in (q, k, v))
    logits = q @ k.transpose(-1, -2) * HEAD_DIM**-0.5
    video = where.video(TOKENS)
    inside = logits[..., video, video]
    largest, mean = inside.amax(-1, keepdim=True), inside.mean(-1, keepdim=True)
    rows = {"none": torch.ones_like(largest), "max": largest, "spread": largest - mean}
    for stat, bias in biases.items():
        pairs = bias.double().repeat_interleave(POSITIONS, 0).repeat_interleave(POSITIONS, 1)
        inside = inside + torch.where(pairs == -torch.inf, pairs, rows[stat] * pairs)
    logits[..., video, video] = inside
    if where.visible is not None:
        logits = logits.masked_fill(~where.visible[:, None, None], -torch.inf)
    return logits.softmax(-1) @ v


def worst(got: Tensor, wanted: Tensor) -> float:
    return float((got.double() - wanted).abs().max())


@ways
@layouts
@pytest.mark.parametrize("size", [1.0, -3000.0, 3000.0])
@pytest.mark.parametrize("stats", [("none",), ("max", "spread")])
def test_the_bias_equals_the_materialised_one(attend, name, size, stats):
    q, k, v = sequence()
    biases: Biases = {stat: band(size).float() for stat in stats}
    assert worst(attend(q, k, v, biases, layout(name)), reference(q, k, v, biases, layout(name))) < 1e-5


@ways
@layouts
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_it_is_as_near_as_plain_attention_is(attend, name, dtype):
    q, k, v = sequence(dtype=dtype)
    biases: Biases = {"max": band(1.0).float()}
    sharp = scaled_dot_product_attention(4 * q, k, v, attn_mask=layout(name).mask)
    noise = worst(sharp, reference(4 * q, k, v, {}, layout(name)))
    assert worst(attend(q, k, v, biases, layout(name)), reference(q, k, v, biases, layout(name))) < 1.5 * noise


@ways
@layouts
def test_rows_of_text_are_plain_attention_bit_for_bit(attend, name):
    q, k, v = sequence()
    where = layout(name)
    got = attend(q, k, v, {"max": band(3.0).float(), "none": band(2.0).float()}, where)
    for text in where.texts:
        assert torch.equal(got[:, :, text], scaled_dot_product_attention(q[:, :, text], k, v, attn_mask=where.mask))


@ways
@layouts
def test_a_text_that_nobody_attends_to_moves_nothing(attend, name):
    """Statistics are of the video's keys: text whose values are 0 and whose logits are huge and negative is as good as absent."""
    q, k, v = sequence()
    where, biases = layout(name), {"max": band(1.0).float(), "spread": band(1.0).float()}
    q[..., -1], k[..., -1] = 4.0, 0.0
    for text in where.texts:
        k[:, :, text, -1] = -400.0
    got = attend(q, k, v, biases, where)
    video = where.video(TOKENS)
    alone = attend(q[:, :, video], k[:, :, video], v[:, :, video], biases)
    torch.testing.assert_close(got[:, :, video], alone, atol=1e-5, rtol=0)


@ways
def test_disturbing_text_changes_attention_to_text_alone(attend):
    """What a query gives to the video is divided among the frames as before, whatever the text says."""
    q, k, _ = sequence()
    where, biases = layout("first"), {"spread": band(2.0).float()}
    frames = torch.zeros(TOKENS, HEAD_DIM)
    frames[where.video(TOKENS)] = torch.eye(FRAMES, HEAD_DIM).repeat_interleave(POSITIONS, 0)
    values = frames.expand(2, 3, -1, -1)

    def divided() -> Tensor:
        shares = attend(q, k, values, biases, where)[:, :, where.video(TOKENS), :FRAMES]
        return shares / shares.sum(-1, keepdim=True)

    before = divided()
    k[:, :, :TEXT] += 3.0
    torch.testing.assert_close(divided(), before, atol=1e-6, rtol=0)


@ways
@pytest.mark.parametrize("name", ["first masked", "last masked", "both masked"])
def test_padding_is_not_seen_and_its_rows_are_finite(attend, name):
    q, k, v = sequence()
    where, biases = layout(name), {"max": band(1.0).float()}
    assert where.visible is not None
    got = attend(q, k, v, biases, where)
    assert got.isfinite().all()
    hidden = ~where.visible[:, None, :, None]
    again = attend(q, k.masked_fill(hidden, 50.0), v.masked_fill(hidden, 1e6), biases, where)
    assert torch.equal(again, got)


@ways
@layouts
def test_a_hidden_frame_is_not_seen_and_text_is(attend, name):
    q, k, v = sequence()
    bias = torch.where(torch.eye(FRAMES, dtype=torch.bool), 0.0, -torch.inf)
    got = attend(q, k, v, {"none": bias}, layout(name))
    assert worst(got, reference(q, k, v, {"none": bias}, layout(name))) < 1e-5


@ways
@layouts
def test_chunks_do_not_change_the_result(attend, name):
    q, k, v = sequence()
    whole = attend(q, k, v, {"max": band(1.0).float()}, layout(name))
    for chunk in (1, 7 * TOKENS):
        torch.testing.assert_close(
            attend(q, k, v, {"max": band(1.0).float()}, layout(name), chunk=chunk), whole, atol=1e-6, rtol=0
        )


@layouts
def test_strength_0_is_plain_attention_bit_for_bit(name):
    q, k, v = sequence()
    site = Site("attn", "stack", 0, 3, HEAD_DIM, FRAMES, 8.0, kind="joint")
    attend = compile_acts(site, [Act("tar", (0.0, 1.0), (Bias(lambda d: d * 0 + 1, stat="max", strength=0.0),))])
    assert attend is plain_attention
    where = layout(name)
    plain = scaled_dot_product_attention(q, k, v, attn_mask=where.mask)
    assert torch.equal(plain_attention(q, k, v, None, where), plain)


@layouts
def test_scales_hold_for_the_video_alone(name):
    q, k, v = sequence()
    where, factors = layout(name), torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    each = torch.ones(TOKENS, 1)
    each[where.video(TOKENS), 0] = factors.float().repeat_interleave(POSITIONS)
    before = q.clone()
    got = ScaledJointAttention(plain_attention, factors, factors)(q, k, v, None, where)
    torch.testing.assert_close(got, scaled_dot_product_attention(q * each, k * each, v, attn_mask=where.mask))
    assert torch.equal(q, before)


@layouts
@pytest.mark.parametrize("keep", [0.0, 0.25])
def test_a_map_divides_what_the_text_leaves(name, keep):
    q, k, v = sequence()
    where, fixed = layout(name), (1 - keep) * band(3.0).softmax(-1)
    video = where.video(TOKENS)
    weights = reference(q, k, torch.eye(TOKENS).expand(2, 3, -1, -1), {}, where)
    inside = weights[..., video, video].unflatten(-1, (FRAMES, POSITIONS))
    inside = inside / inside.sum(-1, keepdim=True) * fixed.repeat_interleave(POSITIONS, 0)[..., None] / (1 - keep)
    mapped = weights.clone()
    mapped[..., video, video] = inside.flatten(-2) * weights[..., video, video].sum(-1, keepdim=True)
    wanted = (keep * weights + (1 - keep) * mapped) @ v.double()
    got = MixedJointAttention(plain_attention, keep, fixed)(q, k, v, None, where)
    assert worst(got, wanted) < 1e-5


@layouts
@pytest.mark.parametrize("biased", [False, True])
def test_a_recorded_map_says_how_the_attention_to_the_video_is_divided(name, biased):
    q, k, _ = sequence()
    where = layout(name)
    biases: dict[Statistic, Tensor] = {"spread": band(2.0)} if biased else {}
    site = Site("attn", "stack", 0, 3, HEAD_DIM, FRAMES, 8.0, kind="joint")
    recording = Recording([site], [0])
    slot = recording.slot(site, 0)
    assert slot is not None
    slot.add(JointAttention(biases) if biased else plain_attention, q, k, where)
    video = where.video(TOKENS)
    weights = reference(q, k, torch.eye(TOKENS).expand(2, 3, -1, -1), biases, where)[..., video, video]
    weights = weights / weights.sum(-1, keepdim=True)
    wanted = weights.unflatten(-1, (FRAMES, POSITIONS)).sum(-1).unflatten(-2, (FRAMES, POSITIONS)).mean((0, 1, 3))
    torch.testing.assert_close(recording.maps()[0, 0], wanted.float(), atol=1e-5, rtol=0)


def test_queries_that_the_text_takes_whole_have_no_say_in_a_recorded_map():
    q, k, _ = sequence()
    where, video = layout("first"), layout("first").video(TOKENS)
    k[:, :, : video.start, 0], k[:, :, video, 0] = 1000.0, 0.0
    taken = torch.zeros(FRAMES, POSITIONS)
    taken[1, :4] = 1.0  # four queries of a frame, and all of another
    taken[3] = 1.0
    q[:, :, video, 0] = taken.flatten()
    recording = Recording([Site("attn", "stack", 0, 3, HEAD_DIM, FRAMES, 8.0, kind="joint")], [0])
    slot = recording.slot(recording.sites[0], 0)
    assert slot is not None
    slot.add(plain_attention, q, k, where)
    weights = reference(q, k, torch.eye(TOKENS).expand(2, 3, -1, -1), {}, where)[..., video, video]
    weights = (weights / weights.sum(-1, keepdim=True)).unflatten(-1, (FRAMES, POSITIONS)).sum(-1)
    weights = weights.unflatten(-2, (FRAMES, POSITIONS))
    left = 1.0 - taken.double()
    wanted = (weights * left[..., None]).mean((0, 1)).sum(1) / left.sum(1).clamp_min(1.0)[:, None]
    torch.testing.assert_close(recording.maps()[0, 0], wanted.float(), atol=1e-5, rtol=0)
    assert wanted[1].sum() == pytest.approx(1.0)
    assert wanted[3].sum() == 0.0


def test_memory_is_at_most_1_3_of_plain_attention():
    """Of queries, keys, values and output, as a block of HunyuanVideo 1.5 holds them, with fewer tokens; on a CPU."""
    frames, positions, text = 8, 110, 120
    where = Layout(0, text, torch.ones(1, frames * positions + text, dtype=torch.bool))
    peaks: list[int] = []
    for executor in (plain_attention, JointAttention({"spread": torch.eye(frames, dtype=torch.float64)})):
        with torch.no_grad(), LiveBytes() as memory:
            q, k, v = (torch.zeros(1, 16, frames * positions + text, 128) for _ in range(3))
            executor(q, k, v, None, where)
        peaks.append(memory.peak)
    assert peaks[1] <= 1.3 * peaks[0]


@pytest.mark.slow
@ways
def test_no_matrix_of_tokens_by_tokens_is_made(attend):
    where = Layout(0, 200, torch.ones(1, 1000, dtype=torch.bool))
    q, k, v = torch.randn(3, 1, 2, 1000, HEAD_DIM)
    with torch.profiler.profile(profile_memory=True) as profile:
        attend(q, k, v, {"max": band(1.0).float()}, where, chunk=2**12)
    largest = max(event.cpu_memory_usage for event in profile.events() or ())
    assert largest < 1000**2  # bytes: a quarter of one head's logits
