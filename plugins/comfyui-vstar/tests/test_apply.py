"""Apply to a MODEL: stand-ins for ComfyUI's networks, against attention with every logit made in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from stand_ins import (
    DIM,
    FRAMES,
    POSITIONS,
    SIGMAS,
    TAR,
    TEXT,
    HunyuanVideo,
    UNetModel,
    WanModel,
    applied,
    called,
    worst,
)
from torch import Tensor
from vstar_comfyui.faults import NodeError


def formula(sigma: float) -> Callable[..., Tensor]:
    """TAR at joint sites as an override of its own, between the video tokens that stand first."""
    middle = torch.tensor([0.0, *(1 + 4 * n + 1.5 for n in range(FRAMES - 1))]).double() / 4
    band = 0.5 * torch.exp(-((middle[:, None] - middle) ** 2) / (2 * sigma**2))
    band = band.repeat_interleave(POSITIONS, 0).repeat_interleave(POSITIONS, 1)

    def attend(func: Any, q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Any = None, skip_reshape: bool = False, **more: Any):
        if q.shape != k.shape:
            return func(q, k, v, heads, mask=mask, **more)
        q, k, v = (x if skip_reshape else x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        logits = q.double() @ k.double().transpose(-1, -2) / math.sqrt(q.shape[-1])
        inside = logits[:, :, : len(band), : len(band)]
        spread = inside.amax(-1, keepdim=True) - inside.mean(-1, keepdim=True)
        logits[:, :, : len(band), : len(band)] = inside + spread * band
        logits = logits if mask is None else logits + mask[:, None].double()
        return (logits.softmax(-1) @ v.double()).float().transpose(1, 2).flatten(2)

    return attend


@pytest.mark.parametrize("kind", [WanModel, HunyuanVideo])
def test_tar_is_the_formula_and_the_model_stays_as_it_is(model_of: Any, kind: Any):
    torch.manual_seed(0)
    joint = model_of(kind())
    plain, nursed = called(joint), applied(joint, regularizers=[TAR])
    out = called(nursed)
    assert worst(out, called(joint, override=formula(2.0))) < 1e-5
    assert worst(out, plain) > 1e-2
    assert torch.equal(called(joint), plain)
    assert not any(one._forward_pre_hooks for one in joint.model.diffusion_model.modules())


def paper(sigma: float, positions: int) -> Callable[..., Tensor]:
    """TAR as in the paper, at attentions over frames of so many positions."""
    frame = torch.arange(FRAMES).double()
    band = torch.exp(-((frame[:, None] - frame) ** 2) / (2 * sigma**2))

    def attend(func: Any, q: Tensor, k: Tensor, v: Tensor, heads: int, **more: Any) -> Tensor:
        if len(q) != 2 * positions:
            return func(q, k, v, heads, **more)
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        logits = q.double() @ k.double().transpose(-1, -2) / math.sqrt(q.shape[-1])
        logits = logits + logits.amax(-1, keepdim=True) * band
        return (logits.softmax(-1) @ v.double()).float().transpose(1, 2).flatten(2)

    return attend


@pytest.mark.parametrize(("level", "positions"), [(0, 16), (1, 4)])
def test_tar_on_attention_over_frames_is_the_papers_at_its_level(model_of: Any, level: int, positions: int):
    torch.manual_seed(0)
    model = model_of(UNetModel())
    out = called(applied(model, regularizers=[TAR | {"sigma": {level: 2}}]))
    assert worst(out, called(model, override=paper(2.0, positions))) < 1e-5
    assert worst(out, called(model)) > 1e-3
    assert torch.equal(called(applied(model, regularizers=[TAR | {"sigma": {0: 2, 1: 2}}]), step=3), called(model, step=3))


def test_branches_are_told_apart_where_frames_are_rows_of_the_batch(model_of: Any):
    torch.manual_seed(0)
    model = model_of(UNetModel())
    first = called(applied(model, regularizers=[{"use": "longvideo/first-frame", "window": [0.0, 1.0]}]))
    plain = called(model)
    assert worst(first[FRAMES:], plain[FRAMES:]) < 1e-5
    assert worst(first[:FRAMES], plain[:FRAMES]) > 1e-4


def test_padding_of_the_text_is_hidden_as_the_model_hides_it(model_of: Any):
    model = model_of(HunyuanVideo())
    seen = torch.ones(2, TEXT, dtype=torch.long)
    seen[1, 2:] = 0
    out = called(applied(model, regularizers=[TAR]), attention_mask=seen)
    assert worst(out, called(model, override=formula(2.0), attention_mask=seen)) < 1e-5
    assert worst(out, called(applied(model, regularizers=[TAR]))) > 1e-3


def test_steps_are_those_of_the_sampler(wan: Any):
    nursed = applied(wan, regularizers=[TAR])
    acts = [not torch.equal(called(nursed, step), called(wan, step)) for step in range(4)]
    assert acts == [True, True, False, False]
    between = {"sample_sigmas": SIGMAS, "sigmas": torch.tensor([0.6]), "cond_or_uncond": [0, 1]}
    assert not torch.equal(called(nursed, transformer_options=between), called(wan))


def test_another_override_goes_on_where_nothing_is_nursed(wan: Any):
    seen: list[int] = []

    def other(func: Any, *args: Any, **more: Any) -> Tensor:
        seen.append(1)
        return func(*args, **more)

    called(wan, override=other)
    everything = len(seen)
    nursed = applied(wan, regularizers=[TAR])
    assert worst(called(nursed, override=other), called(nursed)) == 0.0
    assert len(seen) - everything == everything - 2  # both self-attentions are nursed
    called(nursed, step=3, override=other)
    assert len(seen) == 3 * everything - 2


def test_tokens_of_a_reference_before_the_video_are_left_alone(model_of: Any):
    model, reference = model_of(WanModel()), torch.randn(2, POSITIONS, DIM)
    off = applied(model, regularizers=[TAR | {"strength": 0.0}])
    on = applied(model, regularizers=[TAR])
    plain = called(model, reference_latent=reference)
    assert torch.equal(called(off, reference_latent=reference), plain)
    first = plain.clone()
    first[:, :POSITIONS] = called(on, reference_latent=reference)[:, :POSITIONS]
    assert worst(called(on, reference_latent=reference), plain) > 1e-2
    with pytest.raises(NodeError, match="frames appended"):
        called(on, time_dim_concat=reference)
