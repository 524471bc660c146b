"""`Logits` and `Wrap`: what plain values cannot say, functions do, with everything else that a site asks for."""

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Wrap
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import PluginError

FRAMES = 8
DISTANCE = torch.arange(8.0)[:, None] - torch.arange(8.0)


def compiled(*operations):
    site = Site("mid.attn1", "mid", 0, 2, 16, FRAMES, 8.0)
    return compile_acts(site, [Act("test", (0.0, 1.0), operations)])


def qkv(batch=7, dtype=torch.float32) -> Any:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, 2, FRAMES, 16, generator=generator).to(dtype) for _ in range(3)]


def raw(q, k):
    return q @ k.mT / math.sqrt(q.shape[-1])


def decay(logits, distance):
    """What UltraViCo does to far frames that are attended to: a change that depends on the logits' own values."""
    logits.mul_(torch.where((distance.abs() > 2) & (logits > 0), 0.9, 1.0))


def test_a_change_of_the_logits_sees_values_and_distances():
    q, k, v = qkv()
    logits = raw(q, k)
    expected = torch.where((DISTANCE.abs() > 2) & (logits > 0), 0.9 * logits, logits).softmax(-1) @ v
    torch.testing.assert_close(compiled(Logits(decay))(q, k, v), expected, atol=2e-6, rtol=0)


def test_changes_run_in_their_order_after_scales_and_biases():
    q, k, v = qkv()
    add, double = Logits(lambda a, d: a.add_(d)), Logits(lambda a, d: a.mul_(2.0))
    band = (-DISTANCE.abs()).exp()
    biased = 1.5 * raw(q, k)
    biased = biased + biased.amax(-1, keepdim=True) * band
    for changes, logits in (([add, double], 2.0 * (biased + DISTANCE)), ([double, add], 2.0 * biased + DISTANCE)):
        out = compiled(Scale(q=1.5), *changes, Bias(lambda d: (-d.abs()).exp(), stat="max"))(q, k, v)
        torch.testing.assert_close(out, logits.softmax(-1) @ v, atol=2e-6, rtol=0)


def test_a_change_runs_in_float32_whatever_the_precision_of_the_model():
    seen = []
    out = compiled(Logits(lambda a, d: seen.extend((a.dtype, d.dtype))))(*qkv(dtype=torch.bfloat16))
    assert out.dtype == torch.bfloat16
    assert set(seen) == {torch.float32}


def test_a_wrap_that_only_calls_on_changes_nothing_to_the_bit():
    q, k, v = qkv()
    attend = compiled(Wrap(lambda call_next, *tensors: call_next(*tensors[:-1])))
    assert torch.equal(attend(q, k, v), scaled_dot_product_attention(q, k, v))


def windows(call_next, query, key, value, q_frames, k_frames, call):
    """The mean over two windows of frames, each attended to by itself (the window fusion of FreeNoise, without its weights)."""
    out, count = torch.zeros_like(query), torch.zeros(query.shape[2], 1)
    for frames in (range(6), range(2, 8)):
        part = list(frames)
        out[:, :, part] += call_next(query[:, :, part], key[:, :, part], value[:, :, part], q_frames[part], k_frames[part])
        count[part] += 1
    return out / count


@pytest.mark.parametrize("stat", ["none", "max", "spread"])
def test_a_wrap_may_attend_to_a_part_of_the_frames_and_biases_follow_it(stat):
    q, k, v = qkv()
    out = compiled(Wrap(windows), Bias(lambda d: (-d.abs()).exp(), stat=stat), Logits(decay), Scale(k=(1.0, 2.0) * 4))(q, k, v)

    def inside(part):
        logits = raw(q[:, :, part], k[:, :, part]) * torch.tensor((1.0, 2.0) * 4)[part]
        largest, mean = logits.amax(-1, keepdim=True), logits.mean(-1, keepdim=True)
        statistic = {"none": 1.0, "max": largest, "spread": largest - mean}[stat]
        distance = DISTANCE[part][:, part]
        logits = logits + statistic * (-distance.abs()).exp()
        decay(logits, distance)
        return logits.softmax(-1) @ v[:, :, part]

    first, last = inside(slice(0, 6)), inside(slice(2, 8))
    expected = torch.cat([first[:, :, :2], (first[:, :, 2:] + last[:, :, :4]) / 2, last[:, :, 4:]], dim=2)
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=0)


def test_the_first_wrap_is_the_outermost_and_mixes_are_inside():
    q, k, v = qkv()
    double = Wrap(lambda call_next, *tensors: 2.0 * call_next(*tensors[:-1]))
    add = Wrap(lambda call_next, *tensors: call_next(*tensors[:-1]) + 1.0)
    mix = Mix(lambda d: (d == 0).to(d))
    torch.testing.assert_close(compiled(double, mix, add)(q, k, v), 2.0 * (v + 1.0))
    torch.testing.assert_close(compiled(add, double, mix)(q, k, v), 2.0 * v + 1.0)


def test_a_map_over_all_frames_has_no_meaning_for_a_part_of_them():
    with pytest.raises(PluginError, match="a wrap at the same site attends to some frames only"):
        compiled(Wrap(windows), Mix(lambda d: (d == 0).to(d), 0.5))(*qkv())


def nothing(*given) -> Any:
    return None


def fails(*given) -> Any:
    return 1 / 0


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Logits(lambda a, d: a * 2.0), r"regularizer 'test': its logits at mid.attn1 returned a Tensor"),
        (Logits(lambda a, d: a.view(3)), "its logits at mid.attn1 failed: RuntimeError"),
        (Wrap(nothing), r"its wrap at mid.attn1 gave NoneType; it must give a tensor of shape \(7, 2, 8, 16\)"),
        (Wrap(lambda call_next, q, *rest: call_next(q, *rest[:-1])[:, :, :3]), r"gave \(7, 2, 3, 16\)"),
        (
            Wrap(lambda call_next, q, *rest: call_next(q[:, :, :3], *rest[:-1])),
            "with queries, keys and values of 3, 8 and 8 frames",
        ),
        (Wrap(fails), "its wrap at mid.attn1 failed: ZeroDivisionError"),
    ],
)
def test_a_wrong_function_names_its_regularizer(operation, message):
    with pytest.raises(PluginError, match=message):
        compiled(operation)(*qkv())


def test_a_wrap_that_gives_another_precision_is_taken_at_that_of_the_attention():
    plain = Wrap(lambda call_next, *tensors: call_next(*tensors[:-1]))
    double = Wrap(lambda call_next, *tensors: call_next(*tensors[:-1]).double())
    torch.testing.assert_close(compiled(double)(*qkv()), compiled(plain)(*qkv()), atol=0, rtol=0)


@pytest.mark.parametrize("q", ["2", None, ((1.0,), (1.0, 2.0))], ids=["text", "none", "ragged"])
def test_a_scale_that_is_no_number_names_its_regularizer(q):
    with pytest.raises(PluginError, match=r"regularizer 'test': its scale at mid\.attn1 is"):
        compiled(Scale(q=q))


def test_windows_that_hide_everything_together_are_refused():
    itself, others = (Bias(lambda d, hide=hide: torch.where((d == 0) == hide, -torch.inf, 0.0)) for hide in (True, False))
    with pytest.raises(PluginError, match="together hide all frames from one"):
        compiled(itself, others)


def graphs_of(attend, *calls):
    """Compiled graphs that some calls need, and their outputs."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: attend(q, k, v), backend="eager", fullgraph=True)
    with torch.inference_mode():
        outputs = [function(*call) for call in calls]
    return torch._dynamo.utils.counters["stats"]["unique_graphs"], outputs


@pytest.mark.parametrize(
    "operations",
    [
        [Bias(lambda d: (-d.abs()).exp(), stat="max")],
        [Bias(lambda d: -d.abs())],
        [Scale(q=1.5), Bias(lambda d: (-d.abs()).exp(), stat="spread"), Bias(lambda d: -d.abs())],
        [Logits(decay)],
        [Mix(lambda d: (d == 0).to(d), 0.5)],
        [Wrap(windows), Bias(lambda d: (-d.abs()).exp(), stat="max")],
    ],
    ids=lambda operations: "+".join(type(one).__name__ for one in operations),
)
def test_every_execution_compiles_to_one_graph(operations):
    attend = compiled(*operations)
    calls = [qkv(), qkv(), qkv()]
    graphs, outputs = graphs_of(attend, *calls)
    assert graphs == 1
    torch.testing.assert_close(outputs[0], attend(*calls[0]), atol=2e-6, rtol=0)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory"), RuntimeError("CUDNN_STATUS_ALLOC_FAILED")])
@pytest.mark.parametrize("kind", [Logits, Wrap])
def test_no_memory_left_is_no_fault_of_the_regularizer(error, kind):
    def fails(*given) -> Any:
        raise error

    with pytest.raises(type(error)):
        compiled(kind(fails))(*qkv())
