"""Apply to a MODEL: stand-ins for ComfyUI's networks, against attention with every logit made in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from vstar_comfyui.apply import VstarApply
from vstar_comfyui.faults import NodeError

from vstar_sdk import State, Synopsis

FRAMES, POSITIONS, HEADS, WIDTH, TEXT = 5, 4, 2, 12, 6
DIM = HEADS * WIDTH
SIGMAS = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])
TAR = {"use": "tar", "sigma": 2, "window": [0.0, 0.5]}


def optimized_attention(q: Tensor, k: Tensor, v: Tensor, heads: int, **more: Any) -> Tensor:
    """ComfyUI's attention: plain, unless the options of the call override it."""
    options = more.get("transformer_options") or {}
    if "optimized_attention_override" in options:
        return options["optimized_attention_override"](plain_attention, q, k, v, heads, **more)
    return plain_attention(q, k, v, heads, **more)


def plain_attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Any = None, skip_reshape: bool = False, **more: Any
) -> Tensor:
    del more
    q, k, v = (x if skip_reshape else x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mask = mask if mask is None or mask.ndim == 4 else mask[:, None]
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


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


class Attention(nn.Module):
    """Queries, keys and values, and ComfyUI's attention of them."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.dim_head = HEADS, WIDTH
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Any = None, transformer_options: Any = None) -> Tensor:
        told = x if context is None else context
        more = {"mask": mask, "transformer_options": transformer_options}
        return optimized_attention(self.q(x), self.k(told), self.v(told), self.heads, **more)


class Block(nn.Module):
    """Self-attention and attention to the text, by the names of Wan or of LTX."""

    def __init__(self, own: str, text: str) -> None:
        super().__init__()
        self.names = own, text
        for name in self.names:
            self.add_module(name, Attention())

    def forward(self, x: Tensor, context: Tensor, mask: Any, options: Any) -> Tensor:
        own, text = (self.get_submodule(name) for name in self.names)
        x = x + own(x, transformer_options=options)
        return x + text(x, context, mask=mask, transformer_options=options)


class WanModel(nn.Module):
    """Latents ``(videos, DIM, frames, height, width)``, patches of 1 x 2 x 2."""

    num_layers, num_heads, dim, patch_size, img_emb = 2, HEADS, DIM, (1, 2, 2), None

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block("self_attn", "cross_attn") for _ in range(2))

    def forward(
        self, x: Tensor, timestep: Tensor, context: Tensor, transformer_options: Any, reference_latent: Any = None, **more: Any
    ) -> Tensor:
        del timestep, more
        tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
        if reference_latent is not None:
            tokens = torch.cat([reference_latent, tokens], 1)
        for block in self.blocks:
            tokens = block(tokens, context, None, transformer_options)
        return tokens


class LTXVModel(nn.Module):
    """One token for each position of the latents; the text of frames lies behind each other."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList(Block("attn1", "attn2") for _ in range(2))

    def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
        del timestep
        tokens = x.flatten(2).transpose(1, 2)
        context = context.reshape(len(x), -1, DIM)
        mask = attention_mask if attention_mask is None else (attention_mask - 1).float()[:, None, None] * 1e9
        for block in self.transformer_blocks:
            tokens = block(tokens, context, mask, transformer_options)
        return tokens


class HunyuanBlock(nn.Module):
    """One attention over video and text, heads before tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(self, x: Tensor, mask: Any, transformer_options: Any) -> Tensor:
        made = (self.attention.q(x), self.attention.k(x), self.attention.v(x))
        q, k, v = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in made)
        return x + optimized_attention(q, k, v, HEADS, mask=mask, skip_reshape=True, transformer_options=transformer_options)


class HunyuanVideo(nn.Module):
    """Video first, then text, with a mask of padding."""

    patch_size, num_heads, hidden_size = [1, 2, 2], HEADS, DIM
    params = SimpleNamespace(axes_dim=[4, 4, 4], theta=256)

    def __init__(self) -> None:
        super().__init__()
        self.double_blocks = nn.ModuleList([HunyuanBlock()])
        self.single_blocks = nn.ModuleList([HunyuanBlock()])

    def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
        del timestep
        tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
        mask = None
        if attention_mask is not None:
            mask = torch.zeros(len(x), 1, tokens.shape[1] + context.shape[1])
            mask[:, 0, tokens.shape[1] :] = (attention_mask - 1).float() * torch.finfo(torch.float32).max
        tokens = torch.cat([tokens, context], 1)
        for block in (*self.double_blocks, *self.single_blocks):
            tokens = block(tokens, mask, transformer_options=transformer_options)
        return tokens[:, : -context.shape[1]]


class TimeBlock(nn.Module):
    """The part of ComfyUI's ``BasicTransformerBlock`` that attends over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.attn1 = Attention()

    def forward(self, x: Tensor, transformer_options: Any) -> Tensor:
        return x + self.attn1(x, transformer_options=transformer_options)


class SpatialVideoTransformer(nn.Module):
    """A stack over space, which this one leaves out, and one over time: each position is a sequence of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.time_stack = nn.ModuleList([TimeBlock()])

    def forward(self, x: Tensor, frames: int, transformer_options: Any) -> Tensor:
        _, _, height, width = x.shape
        sequences = x.unflatten(0, (-1, frames)).permute(0, 3, 4, 1, 2).flatten(0, 2)
        sequences = self.time_stack[0](sequences, transformer_options)
        return sequences.unflatten(0, (-1, height, width)).permute(0, 3, 4, 1, 2).flatten(0, 1)


class Downsample(nn.Module):
    def forward(self, x: Tensor, *more: Any) -> Tensor:
        return nn.functional.avg_pool2d(x, 2)


class Upsample(nn.Module):
    def forward(self, x: Tensor, *more: Any) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2.0)


class UNetModel(nn.Module):
    """Frames in the batch, two resolutions."""

    default_num_video_frames = None

    def __init__(self, *, video: bool = True) -> None:
        super().__init__()
        layers = [[], [Downsample()], [SpatialVideoTransformer()] if video else []]
        self.input_blocks = nn.ModuleList(nn.Sequential(*one) for one in layers)
        self.middle_block = nn.Sequential(*[SpatialVideoTransformer()] if video else [])
        last = [Upsample(), SpatialVideoTransformer()] if video else [Upsample()]
        self.output_blocks = nn.ModuleList([nn.Sequential(*last)])

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor, transformer_options: Any, num_video_frames: int) -> Tensor:
        del timesteps, context
        for part in (*self.input_blocks, self.middle_block, *self.output_blocks):
            for layer in part.children():
                x = layer(x, num_video_frames, transformer_options)
        return x


class Clip:
    """Reads a caption as random numbers of its own."""

    def tokenize(self, text: str) -> str:
        return text

    def encode_from_tokens_scheduled(self, tokens: str) -> Any:
        generator = torch.Generator().manual_seed(sum(map(ord, tokens)))
        seen = (torch.arange(TEXT) < TEXT - 1)[None].long()
        return [[torch.randn(1, TEXT, DIM, generator=generator), {"attention_mask": seen}]]


def text(caption: str) -> Tensor:
    return Clip().encode_from_tokens_scheduled(caption)[0][0]


@pytest.fixture
def wan(model_of: Any) -> Any:
    torch.manual_seed(0)
    return model_of(WanModel())


def called(model: Any, step: int = 0, override: Any = None, **more: Any) -> Tensor:
    """Both branches of guidance in one batch, the prompt's first."""
    network = model.model.diffusion_model
    size = (2, 2) if isinstance(network, LTXVModel) else (4, 4)
    one = 3 * torch.randn(1, DIM, FRAMES, *size, generator=torch.Generator().manual_seed(1))
    options = {"sample_sigmas": SIGMAS, "sigmas": SIGMAS[step : step + 1], "cond_or_uncond": [0, 1]}
    if override is not None:
        options["optimized_attention_override"] = override
    given = {"context": torch.cat([text("a bud"), text("blurred")]), "transformer_options": options}
    if isinstance(network, UNetModel):
        rows = one.repeat(2, 1, 1, 1, 1).transpose(1, 2).flatten(0, 1)
        with torch.no_grad():
            return model(rows, SIGMAS[step] * 1000, num_video_frames=FRAMES, **given | more)
    if not isinstance(network, WanModel):
        given["attention_mask"] = None
    with torch.no_grad():
        return model(one.repeat(2, 1, 1, 1, 1), SIGMAS[step] * 1000, **given | more)


def applied(model: Any, **more: Any) -> Any:
    return VstarApply.execute(model, **more).values[0]


def worst(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


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


@pytest.mark.parametrize("kind", [WanModel, LTXVModel])
def test_every_frame_of_the_prompt_reads_its_own_text(model_of: Any, kind: Any):
    model = model_of(kind())
    story = Synopsis((State("a bud", 0), State("a flower", "50%")))
    seen: dict[str, Any] = {} if kind is WanModel else {"attention_mask": (torch.arange(TEXT) < TEXT - 1).repeat(2, 1).long()}
    one = called(applied(model, synopsis=Synopsis((State("a bud"),)), clip=Clip()), **seen)
    assert worst(one, called(model, **seen)) < 1e-5
    told = called(applied(model, synopsis=story, clip=Clip(), interpolation="hold"), **seen)
    ends = [called(model, context=torch.cat([text(end), text("blurred")]), **seen) for end in ("a bud", "a flower")]
    assert worst(told[1], one[1]) < 1e-5
    first, last = told[0, :POSITIONS], told[0, -POSITIONS:]
    assert worst(first, ends[0][0, :POSITIONS]) < worst(first, ends[1][0, :POSITIONS])
    assert worst(last, ends[1][0, -POSITIONS:]) < worst(last, ends[0][0, -POSITIONS:])
    both = called(applied(model, regularizers=[TAR], synopsis=story, clip=Clip()), **seen)
    assert worst(both[1], told[1]) > 1e-3


def relayed(bias: Tensor) -> Callable[..., Tensor]:
    """Attention to the text of all states, of the first video, with a bias ``(frames, states)`` on every logit."""
    rows = bias.repeat_interleave(POSITIONS, 0).repeat_interleave(TEXT, 1)

    def attend(func: Any, q: Tensor, k: Tensor, v: Tensor, heads: int, **more: Any) -> Tensor:
        if q.shape == k.shape:
            return func(q, k, v, heads, **more)
        q, k, v = (x.double().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + rows
        return (logits.softmax(-1) @ v).float().transpose(1, 2).flatten(2)

    return attend


def test_states_are_relayed_by_the_formula(wan: Any):
    story = Synopsis((State("a bud", 0), State("a flower", 16)))
    told = called(applied(wan, synopsis=story, clip=Clip(), timeline="relay"))
    # Of 17 frames the bud rules 0 to 7 and the flower 8 to 16: their middles and lengths in latent frames, which are 4 frames.
    middles, lengths, at = (3.5 / 4, 12 / 4), (8 / 4, 9 / 4), (0.0, 2.5 / 4, 6.5 / 4, 10.5 / 4, 14.5 / 4)
    nats, margin = math.log(1000), 2.0
    lowered = [
        [max(0.0, abs(f - m) - max(0.0, s / 2 - margin)) ** 2 * nats**2 / 2 for m, s in zip(middles, lengths, strict=True)]
        for f in at
    ]
    bias = torch.tensor([[min(row) - one for one in row] for row in lowered]).double()
    both = torch.cat([text("a bud"), text("a flower")], 1)
    wanted = called(wan, override=relayed(bias), context=both.repeat(2, 1, 1))
    assert worst(told[0], wanted[0]) < 1e-5
    assert worst(told[1], called(wan)[1]) < 1e-5
    assert worst(told[0], called(wan)[0]) > 1e-2
    together = called(applied(wan, regularizers=[TAR], synopsis=story, clip=Clip(), timeline="relay"))
    assert worst(together[1], called(applied(wan, regularizers=[TAR]))[1]) < 1e-5
    assert worst(together[0], told[0]) > 1e-3


class Unet(nn.Module):
    """A network that nobody knows."""


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        (Unet, {"regularizers": [TAR]}, "cannot nurse a Unet\nWhat to do: it knows WanModel, LTXVModel, HunyuanVideo, UNetModel"),
        (WanModel, {}, "nothing to apply"),
        (WanModel, {"synopsis": Synopsis((State("a bud"),))}, "needs a CLIP"),
        (HunyuanVideo, {"synopsis": Synopsis((State("a bud"),)), "clip": Clip()}, "of this HunyuanVideo share one text"),
        (
            LTXVModel,
            {"synopsis": Synopsis((State("a bud"),)), "clip": Clip(), "timeline": "relay"},
            "LTXVModel cannot be relayed",
        ),
        (UNetModel, {"synopsis": Synopsis((State("a bud"),)), "clip": Clip()}, "of this UNetModel read a picture, and no text"),
        (partial(UNetModel, video=False), {"regularizers": [TAR]}, "a UNetModel that makes single pictures"),
    ],
)
def test_what_cannot_be_applied_is_told(model_of: Any, kind: Any, more: dict[str, Any], message: str):
    with pytest.raises(NodeError, match=message):
        applied(model_of(kind()), **more)


def test_a_model_is_nursed_once(wan: Any):
    with pytest.raises(NodeError, match="nursed already\nWhat to do: chain"):
        applied(applied(wan, regularizers=[TAR]), regularizers=[TAR])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"transformer_options": {"cond_or_uncond": [0, 1]}}, "outside of a sampler"),
        ({"regularizers": [TAR | {"sigma": {3: 1}}]}, "no temporal attention at level 3"),
    ],
)
def test_what_a_call_lacks_is_told(model_of: Any, more: dict[str, Any], message: str):
    nursed = applied(model_of(WanModel()), regularizers=more.pop("regularizers", [TAR]))
    with pytest.raises(NodeError, match=message):
        called(nursed, **more)


def test_a_mask_between_tokens_is_refused(model_of: Any):
    class Masked(HunyuanVideo):
        def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
            tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
            square = torch.zeros(len(x), tokens.shape[1], tokens.shape[1])
            return self.double_blocks[0](tokens, square, transformer_options=transformer_options)

    Masked.__name__ = "HunyuanVideo"
    with pytest.raises(NodeError, match="masks attention between tokens"):
        called(applied(model_of(Masked()), regularizers=[TAR]))
