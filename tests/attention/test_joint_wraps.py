"""Changed logits and wraps where all tokens of a clip attend to each other, against whole matrices in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Wrap
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.recording import Slot
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError

FRAMES, HEIGHT, WIDTH, VIDEOS = 6, 2, 3, 2
COUNT = FRAMES * HEIGHT * WIDTH
SITE = Site.at(SiteAddress("blocks.0.attn", "stack", 0, 2, 8, kind="joint", index=0), Clock(FRAMES, 8.0))
VISIBLE = torch.ones(VIDEOS, COUNT + 5, dtype=torch.bool)
VISIBLE[1, -2:] = False
LAYOUTS = {"video": ALL_VIDEO, "text first": Layout(before=4), "text last, padded": Layout(after=5, visible=VISIBLE)}
FRAME_OF = torch.arange(FRAMES).repeat_interleave(HEIGHT * WIDTH)
DISTANCE = (FRAME_OF[:, None] - FRAME_OF).double()


def decay(logits, distance):
    logits.mul_(1 - 0.3 * ((logits > 0) & (distance.abs() > 2)))


def halves(call_next, query, key, value, q_frames, k_frames, call):
    """Each half of the clip by itself, and then all of it a little."""
    assert (call.height, call.width, call.branches) == (HEIGHT, WIDTH, (False, True))
    assert torch.equal(q_frames, FRAME_OF)
    parts = []
    for half in (0, 1):
        at = q_frames // 3 == half
        parts.append(call_next(query[:, :, at], key[:, :, at], value[:, :, at], q_frames[at], k_frames[at]))
    return 0.75 * torch.cat(parts, dim=2) + 0.25 * call_next(query, key, value, q_frames, k_frames)


def given(layout: Layout) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(3, VIDEOS, 2, layout.before + COUNT + layout.after, 8, generator=generator).mul(1.5))


def attended(operations: Any, layout: Layout, q: Any, k: Any, v: Any, strength: float = 1.0) -> torch.Tensor:
    current = Current(Moment(0, 2), CallLayout(lambda: (False, True), 2 * HEIGHT, 2 * WIDTH))
    attend: Any = compile_acts(SITE, [Act("it", (0.0, 1.0), tuple(operations), 0, strength)], current)
    return attend(q, k, v) if layout is ALL_VIDEO else attend(q, k, v, layout=layout)


def whole(layout: Layout, q: Any, k: Any, v: Any, change: Any) -> torch.Tensor:
    """Attention whose matrix of video by video is what ``change`` makes of it."""
    logits = q.double() @ k.double().mT * 8**-0.5
    video = layout.video(q.shape[2])
    logits[..., video, video] = change(logits[..., video, video])
    if layout.visible is not None:
        logits = logits.masked_fill(~layout.visible[:, None, None, :], -torch.inf)
    return logits.softmax(-1) @ v.double()


def check(got: torch.Tensor, wanted: torch.Tensor, layout: Layout) -> None:
    seen = slice(None) if layout.visible is None else slice(0, -2)
    torch.testing.assert_close(got[:, :, seen].double(), wanted[:, :, seen], atol=1e-5, rtol=0)


def decayed(logits: torch.Tensor, share: float = 1.0) -> torch.Tensor:
    changed = torch.where((logits > 0) & (DISTANCE.abs() > 2), 0.7 * logits, logits)
    return logits + share * (changed - logits)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_logits_are_changed_between_tokens_of_the_video(layout, strength):
    q, k, v = given(layout)
    got = attended([Logits(decay)], layout, q, k, v, strength)
    check(got, whole(layout, q, k, v, lambda logits: decayed(logits, strength)), layout)
    assert (got - attended([], layout, q, k, v)).abs().max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_they_are_changed_after_scales_and_biases(layout):
    q, k, v = given(layout)
    band = (-DISTANCE.square() / 8).exp()
    operations = [
        Logits(decay),
        Bias(lambda d: (-d.square() / 8).exp(), stat="max"),
        Bias(lambda d: -0.1 * d.abs()),
        Scale(q=1.3),
    ]

    def change(logits):
        logits = 1.3 * logits
        return decayed(logits + logits.amax(-1, keepdim=True) * band - 0.1 * DISTANCE.abs())

    if layout is ALL_VIDEO:  # elsewhere a scale turns the logits with text, too
        check(attended(operations, layout, q, k, v), whole(layout, q, k, v, change), layout)
    else:
        change = lambda logits: decayed(logits + logits.amax(-1, keepdim=True) * band - 0.1 * DISTANCE.abs())  # noqa: E731
        check(attended(operations[:3], layout, q, k, v), whole(layout, q, k, v, change), layout)


def in_halves(layout: Layout, q: Any, k: Any, v: Any, change: Any = lambda logits, at: logits) -> torch.Tensor:
    """The function `halves`, written out: text is among the keys of every part, and attends itself as ever."""
    apart = (FRAME_OF[:, None] // 3) != (FRAME_OF // 3)
    inside = whole(layout, q, k, v, lambda logits: change(logits.masked_fill(apart, -torch.inf), True))
    out, video = whole(layout, q, k, v, lambda logits: change(logits, False)), layout.video(q.shape[2])
    out[:, :, video] = 0.25 * out[:, :, video] + 0.75 * inside[:, :, video]
    return out


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_wrap_calls_the_attention_on_parts_of_the_clip(layout):
    q, k, v = given(layout)
    check(attended([Wrap(halves)], layout, q, k, v), in_halves(layout, q, k, v), layout)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_biases_scales_and_changes_act_inside_a_wrap(layout):
    q, k, v = given(layout)
    band = (-DISTANCE.square() / 8).exp()
    operations = [Wrap(halves), Bias(lambda d: (-d.square() / 8).exp(), stat="spread"), Logits(decay)]

    def change(logits, parts):
        shown = ~logits.isneginf()
        largest = logits.amax(-1, keepdim=True)
        mean = logits.masked_fill(~shown, 0.0).sum(-1, keepdim=True) / shown.sum(-1, keepdim=True)
        return decayed(logits + (largest - mean) * band).masked_fill(~shown, -torch.inf)

    def decayed(logits):
        return torch.where((logits > 0) & (DISTANCE.abs() > 2), 0.7 * logits, logits)

    check(attended(operations, layout, q, k, v), in_halves(layout, q, k, v, change), layout)


def test_scales_of_single_frames_act_inside_a_wrap():
    q, k, v = given(ALL_VIDEO)
    factors = tuple(1 + 0.1 * frame for frame in range(FRAMES))
    by_token = torch.tensor(factors)[FRAME_OF][:, None]
    got = attended([Wrap(halves), Scale(q=factors, k=factors)], ALL_VIDEO, q, k, v)
    check(got, in_halves(ALL_VIDEO, q * by_token, k * by_token, v), ALL_VIDEO)


def test_a_share_of_a_wrap():
    layout = LAYOUTS["text first"]
    q, k, v = given(layout)
    plain = whole(layout, q, k, v, lambda logits: logits)
    check(attended([Wrap(halves)], layout, q, k, v, 0.4), plain + 0.4 * (in_halves(layout, q, k, v) - plain), layout)


def test_a_wrap_inside_a_wrap_sees_the_part():
    seen = []

    def inner(call_next, query, key, value, q_frames, k_frames, call):
        seen.append((q_frames.unique().tolist(), call.height, call.width))
        return call_next(query, key, value, q_frames, k_frames)

    q, k, v = given(ALL_VIDEO)
    got = attended([Wrap(halves), Wrap(inner)], ALL_VIDEO, q, k, v)
    check(got, in_halves(ALL_VIDEO, q, k, v), ALL_VIDEO)
    assert seen == [([0, 1, 2], 2, 3), ([3, 4, 5], 2, 3), (list(range(6)), 2, 3)]


def test_a_map_of_all_frames_beside_a_part_of_them_is_told():
    q, k, v = given(ALL_VIDEO)
    with pytest.raises(PluginError, match="attends to some frames only"):
        attended([Wrap(halves), Mix(lambda d: torch.eye(FRAMES, dtype=d.dtype), 0.5)], ALL_VIDEO, q, k, v)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_recorded_map_of_a_wrap_is_what_it_makes_of_the_identity(layout):
    q, k, _ = given(layout)
    current = Current(Moment(0, 2), CallLayout(lambda: (False, True), HEIGHT, WIDTH))
    slot = Slot.empty(FRAMES, torch.device("cpu"))
    slot.add(compile_acts(SITE, [Act("it", (0.0, 1.0), (Wrap(halves),))], current), q, k, layout)
    one_hot = torch.zeros(VIDEOS, 2, q.shape[2], FRAMES)
    one_hot[:, :, layout.video(q.shape[2])] = torch.eye(FRAMES)[FRAME_OF]
    maps = in_halves(layout, q, k, one_hot)[:, :, layout.video(q.shape[2])]
    maps = (maps / maps.sum(-1, keepdim=True)).unflatten(2, (FRAMES, -1)).mean((0, 1, 3))
    found = slot.mean()
    assert found is not None
    torch.testing.assert_close(found.double(), maps, atol=1e-5, rtol=0)
