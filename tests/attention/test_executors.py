"""Every execution computes what its operations mean."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import MaskedAttention
from vstar_sdk.attention.logits import LogitsAttention
from vstar_sdk.attention.operations import Bias, Mix, Scale, Statistic
from vstar_sdk.attention.placing import placed
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError
from vstar_sdk.regularizers.tar import Tar, TarOptions, gaussian_band

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "tar_attention.safetensors")


def site(frames=8, heads=2, head_dim=16):
    return Site("mid.attn1", "mid", 0, heads, head_dim, frames, 8.0)


def compiled(*biases, frames=8):
    return compile_acts(site(frames), [Act("test", (0.0, 1.0), tuple(biases))])


def qkv(batch=3, heads=2, frames=8, head_dim=16, dtype=torch.float32) -> Any:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, heads, frames, head_dim, generator=generator).to(dtype) for _ in range(3)]


def literal(
    query,
    key,
    value,
    none: Any = 0.0,
    largest: Any = 0.0,
    spread: Any = 0.0,
    average: Any = 0.0,
    temperature: Any = 1.0,
    mixes: Any = (),
):
    """The formula as it is written, in float64."""
    query, key, value = (x.double() for x in (query, key, value))
    logits = temperature * (query @ key.mT / math.sqrt(query.shape[-1]))
    m, mean = logits.amax(-1, keepdim=True), logits.mean(-1, keepdim=True)
    weights = (logits + none + m * largest + (m - mean) * spread + mean * average).softmax(-1)
    for weight, fixed in mixes:
        weights = (1 - weight) * weights + weight * fixed
    return weights @ value


@pytest.mark.parametrize("frames", [16, 48, 64])
@pytest.mark.parametrize("sigma", [1, 4, 8, 12])
@pytest.mark.parametrize("strength", [1, 0.7])
def test_tar_agrees_with_the_recorded_attention(frames, sigma, strength):
    q, k, v = (GOLDEN[f"F{frames}.{name}"][:, None] for name in "qkv")
    tar = Tar(TarOptions(sigma=sigma, strength=strength))
    plan = plan_attention([SiteAddress("mid.attn1", "mid", 0, 1, 16)], [tar], Clock(frames, 8.0))
    out = compile_acts(plan.sites[0].site, plan.sites[0].acts)(q, k, v)[:, 0]
    torch.testing.assert_close(out, GOLDEN[f"F{frames}.out_sigma{sigma}_s{strength}"], atol=2e-6, rtol=0)


@pytest.mark.parametrize("frames", [16, 48, 64])
@pytest.mark.parametrize("sigma", [1, 4, 8, 12])
def test_tar_makes_the_recorded_maps_diagonal(frames, sigma):
    q, k, _ = (GOLDEN[f"F{frames}.{name}"][:, None] for name in "qkv")
    identity = torch.eye(frames).expand(6, 1, frames, frames)
    maps = LogitsAttention({"max": gaussian_band(frames, sigma)})(q, k, identity)[:, 0]
    found = torch.stack([index_correlation(attention) for attention in maps])
    torch.testing.assert_close(found, GOLDEN[f"F{frames}.diagonalness_sigma{sigma}"], atol=2e-6, rtol=0)


def index_correlation(attention):
    """Correlation of row and column index, weighted by the map."""
    weight = attention.double() / attention.double().sum()
    index = torch.arange(len(attention), dtype=torch.float64)
    row, column = index - weight.sum(1) @ index, index - weight.sum(0) @ index
    spread = (weight.sum(1) @ row.square()) * (weight.sum(0) @ column.square())
    return (row @ weight @ column / spread.sqrt()).float()


def test_biases_with_different_statistics_add():
    q, k, v = qkv()
    random = torch.Generator().manual_seed(2)
    none, largest, spread, average = (torch.randn(8, 8, generator=random, dtype=torch.float64) for _ in range(4))
    operations = [
        Bias(lambda d: average, stat="mean"),
        Bias(lambda d: spread, stat="spread"),
        Bias(lambda d: none),
        Bias(lambda d: largest / 2, stat="max"),
        Bias(lambda d: largest / 2, stat="max"),
    ]
    expected = literal(q, k, v, none, largest, spread, average)
    torch.testing.assert_close(compiled(*operations)(q, k, v).double(), expected, atol=2e-6, rtol=0)
    torch.testing.assert_close(compiled(*operations[::-1])(q, k, v).double(), expected, atol=2e-6, rtol=0)


def test_a_bias_by_the_mean_is_the_written_formula():
    q, k, v = qkv()
    out = compiled(Bias(lambda d: gaussian_band(8, 2), stat="mean"))(q, k, v)
    torch.testing.assert_close(out.double(), literal(q, k, v, average=gaussian_band(8, 2)), atol=2e-6, rtol=0)


@pytest.mark.parametrize("batch", [1, 8])
def test_a_plain_bias_is_a_mask_even_when_the_batch_is_as_large_as_the_clip(batch):
    q, k, v = qkv(batch=batch)
    attend = compiled(Bias(lambda d: -d.abs()))
    distance = torch.arange(8.0)[:, None] - torch.arange(8.0)
    assert isinstance(attend, MaskedAttention)
    torch.testing.assert_close(attend(q, k, v).double(), literal(q, k, v, none=-distance.abs().double()), atol=2e-6, rtol=0)


def test_a_hidden_frame_has_no_influence():
    q, k, v = qkv()
    attend = compiled(Bias(lambda d: torch.where(d.abs() > 2, -torch.inf, 0.0)))
    before = attend(q, k, v)
    v[:, :, 7] += 100.0
    after = attend(q, k, v)
    assert torch.equal(before[:, :, :5], after[:, :, :5])
    assert not torch.allclose(before[:, :, 5], after[:, :, 5])


def test_hiding_frames_combines_with_a_row_statistic():
    q, k, v = qkv()
    hide, band = torch.where(gaussian_band(8, 1) < 0.1, -torch.inf, 0.0), gaussian_band(8, 4)
    out = compiled(Bias(lambda d: hide), Bias(lambda d: band, stat="max"))(q, k, v)
    torch.testing.assert_close(out.double(), literal(q, k, v, none=hide, largest=band), atol=2e-6, rtol=0)


@pytest.mark.parametrize("stat", ["none", "max", "spread", "mean"])
def test_a_bias_of_strength_0_is_plain_attention_to_the_bit(stat):
    q, k, v = qkv()
    attend = compiled(Bias(lambda d: d, stat=stat, strength=0.0))
    assert torch.equal(attend(q, k, v), scaled_dot_product_attention(q, k, v))


@pytest.mark.parametrize("chunk", [1, 3 * 2 * 64, 10**9])
def test_chunks_do_not_change_the_result(chunk):
    q, k, v = qkv(batch=7)
    biases: dict[Statistic, torch.Tensor] = {"max": gaussian_band(8, 2), "spread": gaussian_band(8, 1)}
    whole = LogitsAttention(biases, chunk=10**9)(q, k, v)
    torch.testing.assert_close(LogitsAttention(biases, chunk=chunk)(q, k, v), whole, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("stat", ["none", "max"])
def test_half_precision_loses_no_more_than_its_own_rounding(dtype, stat):
    q, k, v = qkv(dtype=dtype)
    band = gaussian_band(8, 2)
    out = compiled(Bias(lambda d: band, stat=stat))(q, k, v)
    expected = literal(q, k, v, **{"none" if stat == "none" else "largest": band})
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, atol=4 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("height", [1e3, 7e4])
def test_in_half_precision_a_large_bias_keeps_its_digits(dtype, height):
    q, k, v = qkv(dtype=dtype)
    band = 2 * gaussian_band(8, 2)
    out = compiled(Bias(lambda d: height + band))(q, k, v)
    torch.testing.assert_close(out.double(), literal(q, k, v, none=band), atol=4 * torch.finfo(dtype).eps, rtol=0)


PER_FRAME = tuple(0.5 + 0.25 * frame for frame in range(8))
UNIFORM = torch.full((8, 8), 1 / 8, dtype=torch.float64)


@pytest.mark.parametrize(
    ("scales", "temperature"),
    [
        ([Scale(q=1.5)], 1.5),
        ([Scale(q=1.5), Scale(k=2.0)], 3.0),
        ([Scale(q=PER_FRAME)], torch.tensor(PER_FRAME, dtype=torch.float64)[:, None]),
        ([Scale(k=PER_FRAME)], torch.tensor(PER_FRAME, dtype=torch.float64)),
    ],
)
@pytest.mark.parametrize("stat", ["none", "max"])
def test_scales_multiply_before_statistics_are_taken(scales, temperature, stat):
    q, k, v = qkv()
    band = gaussian_band(8, 2)
    expected = literal(q, k, v, temperature=temperature, **{"none" if stat == "none" else "largest": band})
    out = compiled(Bias(lambda d: band, stat=stat), *scales)(q, k, v)
    torch.testing.assert_close(out.double(), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("biases", [[], [Bias(lambda d: -d.abs())], [Bias(lambda d: (-d.abs()).exp(), stat="max")]])
def test_mixes_run_in_their_order(biases):
    q, k, v = qkv()
    identity = torch.eye(8, dtype=torch.float64)
    pair = [Mix(lambda d: UNIFORM, 0.25), Mix(lambda d: identity, 0.5)]
    distance = torch.arange(8.0).double()[:, None] - torch.arange(8.0)
    added = {"none" if bias.stat == "none" else "largest": bias.fn(distance) for bias in biases}
    for mixes in (pair, pair[::-1]):
        expected = literal(q, k, v, mixes=[(mix.weight, mix.fn(distance)) for mix in mixes], **added)
        torch.testing.assert_close(compiled(*biases, *mixes)(q, k, v).double(), expected, atol=2e-6, rtol=0)


def test_a_mix_of_weight_1_replaces_the_attention_and_looks_at_no_query():
    q, k, v = qkv()
    attend = compiled(Mix(lambda d: UNIFORM))
    torch.testing.assert_close(attend(q * torch.nan, k, v), v.mean(dim=2, keepdim=True).expand_as(v), atol=1e-6, rtol=0)


def test_a_scale_of_1_and_a_mix_of_0_are_plain_attention_to_the_bit():
    q, k, v = qkv()
    attend = compiled(Scale(q=2.0, k=(1.0,) * 8), Scale(q=0.5), Mix(lambda d: UNIFORM, 0.0))
    assert torch.equal(attend(q, k, v), scaled_dot_product_attention(q, k, v))


def test_the_bias_is_built_once():
    built = []

    def fn(distance):
        built.append(distance)
        return -distance.abs()

    attend = compiled(Bias(fn))
    for _ in range(3):
        attend(*qkv())
    assert len(built) == 1
    assert built[0].dtype == torch.float64
    assert built[0][5, 2] == 3


def test_sites_with_equal_matrices_share_one():
    ours, others = placed(gaussian_band(8, 2)), placed(gaussian_band(8, 3))
    assert placed(gaussian_band(8, 2)) is ours
    assert others is not ours
    assert placed(torch.zeros(2, 3, dtype=torch.float64)) is not placed(torch.zeros(3, 2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Scale(q=(1.0, 2.0)), r"regularizer 'test': its scale at mid.attn1 is \(1.0, 2.0\)"),
        (Scale(k=math.nan), "its scale at mid.attn1 is nan"),
        (Mix(lambda d: d), "its mix at mid.attn1 is not an attention map"),
        (Mix(lambda d: UNIFORM / 2), "is not an attention map"),
        (Mix(lambda d: UNIFORM, 1.5), "has the weight 1.5"),
        (Bias(lambda d: d[:3]), r"regularizer 'test': its bias at mid.attn1 is \(3, 8\); it must be a tensor of shape \(8, 8\)"),
        (Bias(lambda d: 1.0), r"its bias at mid.attn1 is float; it must be"),  # type: ignore[arg-type, return-value]
        (Bias(lambda d: d / 0), "is not finite"),
        (Bias(lambda d: d - torch.inf), "is not finite"),
        (Bias(lambda d: torch.where(d > 0, -torch.inf, 0.0), stat="max"), "is not finite"),
        (Bias(lambda d: d.view(3, 3)), "failed: RuntimeError"),
    ],
)
def test_a_wrong_operation_names_its_regularizer(operation, message):
    with pytest.raises(PluginError, match=message):
        compiled(operation)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_logits_are_not_rounded_to_half_precision(dtype):
    q, k, v = (x.to(dtype) for x in qkv(batch=64))
    q, k = 4 * q, 4 * k  # logits of up to 50, which bfloat16 rounds to quarters
    tiny = 1e-9 * gaussian_band(8, 2)
    expected = literal(q, k, v, spread=tiny)
    plain, ours = scaled_dot_product_attention(q, k, v), LogitsAttention({"spread": tiny})(q, k, v)
    noise = (plain.double() - expected).pow(2).mean().sqrt()
    assert (ours.double() - expected).pow(2).mean().sqrt() < 1.5 * noise


def test_large_products_of_half_precision_do_not_overflow():
    q = torch.full((1, 1, 4, 64), 40.0, dtype=torch.float16)
    out = LogitsAttention({"spread": gaussian_band(4, 1)})(q, q, torch.ones_like(q))
    torch.testing.assert_close(out, torch.ones_like(q))
