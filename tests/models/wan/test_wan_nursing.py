"""Wan 2.1 and 2.2 while they are nursed: all experts, the formula, blocks, refusals, recorded maps."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.transformers.transformer_wan import WanAttnProcessor

from tests.joint_oracle import materialised
from tests.transformer_models import FRAMES, Wants, latents, one_text, plan, processors
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Logits, Mix, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.regularizers.tar import Tar, TarOptions


@pytest.mark.parametrize("adapter", ["wan_21", "wan_22"], indirect=True)
def test_nursing_is_on_all_experts_and_leaves_the_model_as_it_was(adapter):
    weights = {name: value.clone() for name, value in adapter.denoiser.state_dict().items()}
    before = processors(adapter)
    text = one_text(adapter)

    def run(timestep):
        return adapter.denoise(latents(adapter), torch.tensor(timestep), text)

    plain = {timestep: run(timestep) for timestep in (900, 100)}
    with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))), adapter.family) as nursing:
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() < 1e-6  # before the first step all is plain
        nursing.at(0, 4)
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() > 1e-4
    after = adapter.denoiser.state_dict()
    assert all(one is other for one, other in zip(processors(adapter), before, strict=True))
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    assert torch.equal(run(900), plain[900])


@pytest.mark.parametrize(
    "operation",
    [
        Bias(lambda d: (-d.abs()).masked_fill(d.abs() > 1, -torch.inf)),
        Bias(lambda d: (-d.square()).exp(), stat="max"),
        Mix(lambda d: (d == 0).to(d), weight=0.5),
    ],
    ids=["window", "tar", "mix"],
)
def test_a_nursed_network_equals_one_whose_attention_is_materialised(adapter, operation):
    """The network's own processor, with the whole matrix of tokens by tokens in the place of its attention."""
    text = one_text(adapter)
    x, timestep = latents(adapter), torch.tensor(700)
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(operation)), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    with materialised(operation, adapter.facts.clock(FRAMES, 16.0), slice(0, 20), 20) as added:
        wanted = adapter.denoise(x, timestep, text)
    assert len(added) == 2
    assert (got - wanted).abs().max() < 1e-5
    assert (got - plain).abs().max() > 1e-4


def test_blocks_choose_where_a_regularizer_acts(adapter):
    planned = plan(adapter, Tar(TarOptions(sigma={0: 2}, blocks=(1, 1))))
    assert [site.site.index for site in planned.sites] == [1]
    assert planned.untouched == 1
    assert "frame-pair bias with row statistics (Tar)" in planned.describe(4)


@pytest.mark.parametrize(
    ("options", "message", "path"),
    [
        ({"blocks": (0, 7)}, "the model has no block 7; it has blocks 0 to 1", ("regularizers", 0, "blocks")),
        ({"sigma": {1: 8}}, "no temporal attention at level 1", ("regularizers", 0, "sigma")),
    ],
)
def test_naming_what_the_model_does_not_have_is_an_error(adapter, options, message, path):
    with pytest.raises(SpecError, match=message) as refused:
        plan(adapter, Tar(TarOptions(**options)))
    assert refused.value.path == path


def test_blocks_are_refused_on_a_model_with_levels(tiny_source):
    with pytest.raises(SpecError, match="its blocks have no numbers"):
        plan_attention(tiny_source.facts().sites, [Tar(TarOptions(blocks=(0, 1)))], Clock(8, 8.0))


@pytest.mark.parametrize(
    "operation",
    [Logits(lambda logits, distance: None), Wrap(lambda attend, q, k, v, i, j, call: attend(q, k, v, i, j))],
    ids=["changes of the logits", "wraps"],
)
def test_what_has_no_meaning_on_tokens_is_refused_with_the_reason(adapter, operation):
    with pytest.raises(
        SpecError, match=f"has a {type(operation).__name__} at transformer.blocks.0.attn1, a joint attention over all tokens"
    ):
        plan(adapter, Wants(operation))


def test_an_attention_that_does_more_is_refused(adapter):
    attention = adapter.denoiser.transformer.blocks[1].attn1
    stock = attention.processor
    changed = WanAttnProcessor()
    changed._attention_backend = "flash"  # pyright: ignore[reportAttributeAccessIssue]
    attention.set_processor(changed)
    try:
        with (
            pytest.raises(ModelError, match=r"blocks\.1\.attn1 has an attention backend"),
            nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
        ):
            pass
    finally:
        attention.set_processor(stock)
    assert isinstance(adapter.denoiser.transformer.blocks[0].attn1.processor, WanAttnProcessor)


def test_recorded_maps_say_how_much_of_a_frame_goes_to_every_other(adapter):
    text = one_text(adapter)
    sites = [Site.at(address, adapter.facts.clock(FRAMES, 16.0)) for address in adapter.facts.sites]
    recording = Recording(sites, steps=[0])
    identity = Wants(Mix(lambda d: (d == 0).to(d)), blocks=(1, 1))
    with nurse(adapter.denoiser, plan(adapter, identity), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter), torch.tensor(900), text)
    own, replaced = recording.maps()[0]
    torch.testing.assert_close(replaced, torch.eye(5))
    torch.testing.assert_close(own.sum(-1), torch.ones(5))
    assert own.min() > 0
