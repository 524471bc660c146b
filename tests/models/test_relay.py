"""Models whose frames read the text of all key states, each with its own bias."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests import transformer_models
from tests.transformer_models import FRAMES, ONE, OTHER, one_text
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.telling import reading_sites, told, with_text
from vstar_sdk.errors import SpecError
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.sampling.conditioning import Conditioning

MODELS = [
    "wan_21",
    "wan_22",
    "tiny_ltx",
    "tiny_ltx2",
    "tiny_ltx23",
    "cogvideox_2b",
    "cogvideox_5b",
    "hunyuan15_dir",
    "kandinsky5_dir",
]
SLOW = ["skyreels_dir", "cosmos_dir", "motif_dir", "minimax_h3_dir"]
WINTER_TOO = "a snowy landscape in winter, and an orange autumn"

BROAD = [*MODELS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
of_each = pytest.mark.parametrize("adapter", BROAD, indirect=True)


def near(adapter: Any) -> float:
    """How far equal outputs may be apart: Kandinsky rounds what it rotates to bfloat16."""
    return 1e-4 if adapter.facts.name == "Kandinsky 5" else 3e-6


def latents(adapter: Any) -> Tensor:
    """Noise of a clip that is large enough for all of them."""
    return transformer_models.latents(adapter, side=64 if adapter.facts.name == "LTX-2" else 32)


def texts(adapter: Any, *prompts: str, negative: str = OTHER) -> Tensor:
    """The negative prompt and key states as a run gives them: ``(2, 1, states * tokens, dim)``."""
    *states, other = adapter.encode([*prompts, negative])
    bias = torch.zeros(1, len(states))
    one, padded = Conditioning(torch.stack(states), other, bias).sequences()
    return torch.stack([padded[None], one])


def planned(adapter: Any, bias: Tensor | None, *regularizers: Any) -> Any:
    facts = adapter.facts
    frames = facts.nearest(FRAMES)
    clock = facts.clock(frames, facts.fps)
    plan = plan_attention(reading_sites(facts.sites, facts.text_sites), regularizers, clock, 4)
    tokens = adapter.encode([ONE]).shape[1]
    half = frames // 2
    return told(with_text(plan, facts.text_sites, "relay"), bias, tokens, [(0, half - 1), (half, frames - 1)])


def predicted(adapter: Any, text: Tensor, bias: Tensor, *regularizers: Any) -> Tensor:
    """What the nursed network says of both branches of guidance."""
    x = latents(adapter).expand(2, -1, -1, -1, -1)
    with nurse(adapter.denoiser, planned(adapter, bias, *regularizers), adapter.family) as nursing:
        nursing.at(0, 4)
        nursing.call((False, True), *x.shape[-2:])
        return adapter.denoise(x, torch.tensor(700), text)


def frames_of(adapter: Any) -> int:
    return adapter.facts.clock(adapter.facts.nearest(FRAMES), adapter.facts.fps).latents


def only(adapter: Any, state: int) -> Tensor:
    """All frames read one state, and nothing of the other."""
    bias = torch.full((frames_of(adapter), 2), -torch.inf, dtype=torch.float64)
    bias[:, state] = 0.0
    return bias


@of_each
@pytest.mark.parametrize("state", [0, 1])
def test_frames_that_read_one_state_alone_are_the_plain_model_under_its_prompt(adapter, state):
    """In one batch with the negative prompt, which reads its own text; prompts of other lengths stand beside."""
    prompts = (ONE, WINTER_TOO)
    got = predicted(adapter, texts(adapter, *prompts, negative=OTHER), only(adapter, state))
    x = latents(adapter)
    for branch, prompt in enumerate((OTHER, prompts[state])):
        wanted = adapter.denoise(x, torch.tensor(700), one_text(adapter, prompt))
        assert (got[branch] - wanted[0]).abs().max() < near(adapter)
    assert (got[0] - got[1]).abs().max() > 10 * near(adapter)


@contextmanager
def materialised(keys: Tensor, bias: Tensor, video: int, first: bool, at: Tensor | None = None) -> Generator[list[int]]:
    """While it is open, a network's own attention to the text of states has the bias, with every logit made, in float64.

    Args:
        keys: which state each text token is of; -1 for what all share.
        bias: ``(frames, states)``.
        video: how many video tokens there are.
        first: whether the text stands before them, in a sequence that holds both.
        at: the frame of a token that all states share and that reads them as the frame does; -1 for the others.
    """
    stock, seen = functional.scaled_dot_product_attention, []
    frame = torch.arange(video) // (video // len(bias))

    def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, **options: Any) -> Tensor:
        cross = (query.shape[-2], key.shape[-2]) == (video, len(keys))
        if not cross and (query.shape[-2], key.shape[-2]) != (video + len(keys), video + len(keys)):
            return stock(query, key, value, attn_mask=attn_mask, **options)
        logits = query.double() @ key.double().transpose(-1, -2) * query.shape[-1] ** -0.5
        columns = torch.where(keys < 0, 0.0, bias[:, keys.clamp_min(0)])[frame]
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            logits = logits + attn_mask
        if cross:
            logits = logits + columns
        else:
            text, clip = torch.arange(len(keys)), torch.arange(video)
            text, clip = (text, clip + len(keys)) if first else (text + video, clip)
            logits[..., clip[:, None], text] += columns
            logits[..., text[:, None], clip] += columns.T
            if at is not None:
                reading = text[at >= 0]
                logits[..., reading[:, None], text] += torch.where(keys < 0, 0.0, bias[:, keys.clamp_min(0)])[at[at >= 0]]
            strange = (keys[:, None] != keys) & (keys[:, None] >= 0) & (keys >= 0)
            logits[..., text[:, None], text] += torch.zeros(strange.shape, dtype=torch.float64).masked_fill(strange, -torch.inf)
        seen.append(1)
        return (logits.softmax(-1).nan_to_num(0.0) @ value.double()).to(value.dtype)

    functional.scaled_dot_product_attention = attend
    try:
        yield seen
    finally:
        functional.scaled_dot_product_attention = stock


def keys_of(adapter: Any, text: Tensor) -> Tensor:
    """Which state each text token is of, as the network orders them."""
    tokens = text.shape[-2] // 2
    if adapter.facts.name == "MiniMax-H3":  # no padding; and the sound, which all states share
        counts = (text[0].unflatten(0, (2, tokens))[..., -1] > 0).sum(1)
        return torch.cat([torch.arange(2).repeat_interleave(counts), torch.full((2 * 37,), -1)])
    if adapter.facts.name != "HunyuanVideo 1.5":
        return torch.arange(2).repeat_interleave(tokens)
    glyphs = adapter.lengths.glyphs
    states = text[0].unflatten(0, (2, tokens))[..., -1] > 0
    prompt, letters = states[:, :-glyphs], states[:, -glyphs:]
    order = [-1] * adapter.lengths.picture  # hidden, at the end of what is there
    there = [state for part in (letters, prompt) for state in (0, 1) for _ in range(int(part[state].sum()))]
    gone = [state for part in (letters, prompt) for state in (0, 1) for _ in range(int((~part[state]).sum()))]
    return torch.tensor([*there, *order, *gone])


@of_each
def test_a_nursed_network_equals_one_whose_attention_to_the_states_is_materialised(adapter):
    frames = frames_of(adapter)
    bias = torch.linspace(0.0, -3.0, 2 * frames, dtype=torch.float64).reshape(2, frames).T.contiguous()
    text = texts(adapter, ONE, WINTER_TOO)
    got = predicted(adapter, text, bias)[1]
    x = latents(adapter)
    video = frames * (x.shape[-1] * x.shape[-2] // _patch(adapter))
    first = adapter.facts.name.startswith(("CogVideoX", "MiniMax"))
    keys = keys_of(adapter, text[1])
    with materialised(keys, bias, video, first, at_of(adapter, keys)) as seen:
        wanted = adapter.denoise(x, torch.tensor(700), text[1:])
    assert len(seen) == len([site for site in adapter.facts.text_sites if "transformer_2" not in site.name])
    plain = adapter.denoise(x, torch.tensor(700), text[1:])
    assert (got - wanted[0]).abs().max() < near(adapter)
    assert (got - plain[0]).abs().max() > 10 * near(adapter)


def at_of(adapter: Any, keys: Tensor) -> Tensor | None:
    """The latent frame of every token of a sound, 40 in a second where there are 24 frames, in two channels."""
    if adapter.facts.name != "MiniMax-H3":
        return None
    spans = adapter.facts.clock(22, 24.0).spans
    frames = [next(latent for latent, span in enumerate(spans) if int(token * 24 / 40) in span) for token in range(37)]
    return torch.cat([torch.full((int((keys >= 0).sum()),), -1), torch.tensor(frames * 2)])


def _patch(adapter: Any) -> int:
    """Latents of a picture that one token is of."""
    config = adapter.denoiser.transformer.config if hasattr(adapter.denoiser, "transformer") else adapter.denoiser.config
    size = config.patch_size
    return size[1] * size[2] if isinstance(size, tuple | list) else size * size


@of_each
def test_it_stands_beside_tar_and_leaves_the_model_as_it_was(adapter):
    text = texts(adapter, ONE, WINTER_TOO)
    x, alone = latents(adapter), one_text(adapter)
    plain = adapter.denoise(x, torch.tensor(700), alone)
    bias = torch.zeros(frames_of(adapter), 2, dtype=torch.float64)
    bias[:, 1] = -1.0
    tar = Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))
    both, relayed = predicted(adapter, text, bias, tar), predicted(adapter, text, bias)
    assert both.isfinite().all()
    assert (both - relayed).abs().max() > 1e-5
    assert torch.equal(adapter.denoise(x, torch.tensor(700), alone), plain)


@of_each
def test_the_plan_says_where_text_is_told_apart(adapter):
    bias = torch.zeros(frames_of(adapter), 2, dtype=torch.float64)
    words = planned(adapter, bias, Tar(TarOptions(sigma={0: 1}))).describe(4)
    if (first := adapter.facts.text_sites[0]).kind == "cross":
        assert f"{first.name.rpartition('.')[2]}  level 0" in words
        assert "steps 0-3 segment bias (relay)" in words
    else:
        assert "frame-pair bias with row statistics with a segment bias (relay, Tar)" in words
    silent = planned(adapter, None, Tar(TarOptions(sigma={0: 1})))
    assert "segment" not in silent.describe(4)
    assert silent.untouched == len([site for site in adapter.facts.text_sites if site.kind == "cross"])


def test_models_whose_frames_read_one_embedding_each_cannot_follow(tiny_source):
    with pytest.raises(SpecError, match="cannot follow relay: its frames read one embedding each") as refused:
        tiny_source.facts().check_text("states", "relay")
    assert refused.value.path == ("timeline", "use")
    assert "timeline: {use: blend}" in str(refused.value.hint)
