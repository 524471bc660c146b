"""Nursing, on every family whose denoiser attends over all tokens of a clip: the formula, the text, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from tests.joint_oracle import materialised
from tests.transformer_models import ONE, OTHER, Wants, clock, latents, one_text, plan, processors
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Logits, Mix, Wrap
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.regularizers.tar import Tar, TarOptions


@dataclass(frozen=True)
class Sequence:
    """What the tokens of a model's joint attention are.

    Attributes:
        before: tokens of text before the video's.
        after: behind them.
        also: behind them in other blocks, which are no text.
        side: of the pictures, so that a latent frame has four tokens.
        near: by how much the result may differ from the formula in float64.
        processor: the attribute of its blocks' processors that a backend is set at; None where they have none.
    """

    before: int = 0
    after: int = 0
    also: int | None = None
    side: int = 32
    near: float = 1e-5
    backends: bool = True


MODELS: Mapping[str, Sequence] = {
    "wan_21": Sequence(),
    "skyreels_dir": Sequence(),
    "tiny_ltx": Sequence(side=64),
    "cogvideox_2b": Sequence(before=226, backends=False),
    "cogvideox_5b": Sequence(before=226, backends=False),
    "hunyuan15_dir": Sequence(after=76),
    "mochi_dir": Sequence(after=6, backends=False),
    "motif_dir": Sequence(after=512, also=20),
    "minimax_h3_dir": Sequence(before=27 + 2 * 37, side=64),  # text, and sound
    "kandinsky5_dir": Sequence(near=1e-4),  # the model rounds rotated queries and keys to bfloat16
}
each = pytest.mark.parametrize(("adapter", "sequence"), MODELS.items(), indirect=["adapter"])
BAND = Bias(lambda d: (-d.square() / 2).exp(), stat="spread")


def sites(adapter: Any) -> list[Site]:
    return [Site.at(address, clock(adapter)) for address in adapter.facts.sites]


@each
@pytest.mark.parametrize(
    "operation",
    [
        Bias(lambda d: (-d.square() / 2).exp()),
        Bias(lambda d: (-d.square() / 2).exp(), stat="max"),
        BAND,
        Bias(lambda d: (-d.abs()).masked_fill(d.abs() > 1, -torch.inf)),
        Mix(lambda d: (d == 0).to(d), weight=0.5),
    ],
    ids=["band", "tar", "spread", "window", "mix"],
)
def test_a_nursed_network_equals_one_whose_attention_is_materialised(adapter, sequence, operation):
    """Two videos with texts of different lengths; the network's own processors, with the whole matrix of tokens by tokens."""
    text, timestep = one_text(adapter, ONE, OTHER), torch.tensor(700.0)
    x = torch.cat([latents(adapter, side=sequence.side), latents(adapter, 1, side=sequence.side)])
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(operation)), adapter.family) as nursing:
        assert torch.equal(adapter.denoise(x, timestep, text), plain)  # with nothing to do: bit for bit
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    video = slice(sequence.before, sequence.before + 4 * clock(adapter).latents)
    behind = [sequence.after] if sequence.also is None else [sequence.after, sequence.also]
    with materialised(operation, clock(adapter), video, *(video.stop + tokens for tokens in behind)) as added:
        wanted = adapter.denoise(x, timestep, text)
    assert len(added) in (len(adapter.facts.sites), 2 * len(adapter.facts.sites))  # Mochi takes one video after the other
    for one in added:
        beside = one.clone()
        beside[..., video, video] = 0
        assert beside.count_nonzero() == 0
    assert (got - wanted).abs().max() < sequence.near
    assert (got - plain).abs().max() > 1e-4


@each
def test_nursing_leaves_the_model_as_it_was(adapter, sequence):
    text, x, timestep = one_text(adapter), latents(adapter, side=sequence.side), torch.tensor(700.0)
    weights = {name: value.clone() for name, value in adapter.denoiser.state_dict().items()}
    before, plain = processors(adapter), adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(BAND)), adapter.family) as nursing:
        nursing.at(0, 1)
        assert (adapter.denoise(x, timestep, text) - plain).abs().max() > 1e-4
    after = adapter.denoiser.state_dict()
    assert all(one is other for one, other in zip(processors(adapter), before, strict=True))
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in adapter.denoiser.modules())
    assert torch.equal(adapter.denoise(x, timestep, text), plain)


@each
def test_changes_of_the_logits_and_wraps_act_between_tokens_of_the_video(adapter, sequence):
    """Two videos with texts of different lengths: a change is the bias that it writes down, a wrap passes all on."""
    text, timestep, count = one_text(adapter, ONE, OTHER), torch.tensor(700.0), clock(adapter).latents
    x = torch.cat([latents(adapter, side=sequence.side), latents(adapter, 1, side=sequence.side)])
    seen: list[tuple[Any, ...]] = []

    def nursed(*operations: Any) -> torch.Tensor:
        with nurse(adapter.denoiser, plan(adapter, Wants(*operations)), adapter.family) as nursing:
            nursing.at(0, 1)
            nursing.call((False, True), x.shape[-2], x.shape[-1])
            return adapter.denoise(x, timestep, text)

    def through(attend: Any, q: Any, k: Any, v: Any, q_frames: Any, k_frames: Any, call: Any) -> torch.Tensor:
        seen.append((len(q), call.branches))
        assert (q.shape[2], call.height, call.width) == (4 * count, 2, 2)
        return attend(q, k, v, q_frames, k_frames)

    biased = nursed(Bias(lambda d: -d.abs()))
    assert (nursed(Logits(lambda logits, d: logits.sub_(d.abs()))) - biased).abs().max() < sequence.near
    assert (nursed(Wrap(through), Bias(lambda d: -d.abs())) - biased).abs().max() < sequence.near
    assert (biased - nursed(Wrap(through))).abs().max() > 1e-4
    assert {*seen} in ({(2, (False, True))}, {(1, (False,)), (1, (True,))})  # Mochi takes one video after the other


@each
def test_a_regularizer_acts_in_chosen_blocks_and_no_others(adapter, sequence):
    planned = plan(adapter, Tar(TarOptions(sigma={0: 2}, blocks=(1, 1))))
    assert {site.site.index for site in planned.sites} == {1}
    with pytest.raises(
        SpecError, match=f"the model has no block 7; it has blocks 0 to {len(adapter.facts.sites) - 1}"
    ) as refused:
        plan(adapter, Tar(TarOptions(blocks=(0, 7))))
    assert refused.value.path == ("regularizers", 0, "blocks")
    with pytest.raises(SpecError, match="no temporal attention at level 1") as refused:
        plan(adapter, Tar(TarOptions(sigma={1: 8})))
    assert refused.value.path == ("regularizers", 0, "sigma")


@pytest.mark.parametrize("adapter", [name for name, sequence in MODELS.items() if sequence.backends], indirect=True)
@pytest.mark.parametrize(
    ("attribute", "reason"), [("_attention_backend", "an attention backend"), ("_parallel_config", "(context )?parallelism")]
)
def test_an_attention_that_does_more_is_refused(adapter, attribute, reason):
    site = adapter.facts.sites[1]
    attention = adapter.denoiser.get_submodule(site.name)
    stock = attention.processor
    changed = type(stock)()
    setattr(changed, attribute, "flash")
    attention.set_processor(changed)
    try:
        with (
            pytest.raises(ModelError, match=f"{site.name} has {reason}"),
            nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
        ):
            pass
    finally:
        attention.set_processor(stock)


@each
def test_recorded_maps_say_how_much_of_a_frames_attention_to_the_video_goes_to_every_other(adapter, sequence):
    recording = Recording(sites(adapter), steps=[0])
    identity = Wants(Mix(lambda d: (d == 0).to(d)), blocks=(1, 1))
    with nurse(adapter.denoiser, plan(adapter, identity), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter, side=sequence.side), torch.tensor(900.0), one_text(adapter))
    own, replaced = recording.maps()[0][:2]
    count = clock(adapter).latents
    torch.testing.assert_close(replaced, torch.eye(count))
    torch.testing.assert_close(own.sum(-1), torch.ones(count))
    assert own.min() > 0
