"""Nursing attaches a plan, follows the steps, and leaves the model as it was."""

import copy
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0

from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, PluginError, SamplerError
from vstar_sdk.models.diffusers.temporal_attention import TemporalProcessor
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES = 8


@pytest.fixture
def unet(tiny_adapter):
    return copy.deepcopy(tiny_adapter.denoiser)


@pytest.fixture
def run(unet):
    random = torch.Generator().manual_seed(3)
    latents = torch.randn(2, 4, FRAMES, 4, 4, generator=random)
    text = torch.randn(2, 12, 16, generator=random)
    return lambda: unet(latents, 500, encoder_hidden_states=text).sample.detach()


def plan_of(tiny_source, *regularizers, frames=FRAMES):
    return plan_attention(tiny_source.facts().sites, regularizers, Clock(frames, 8.0))


def processors(unet):
    return dict(unet.attn_processors)


def test_tar_changes_the_output_inside_its_window_only(unet, run, tiny_source):
    plain = run()
    with nurse(unet, plan_of(tiny_source, Tar(TarOptions(sigma={0: 1}))), UNET3D) as nursing:
        nursing.at(13, 25)
        inside = run()
        nursing.at(14, 25)
        outside = run()
    assert not torch.allclose(inside, plain, atol=1e-4)
    assert torch.equal(outside, plain)


def test_a_site_without_operations_equals_the_stock_processor_bit_for_bit(unet, run, tiny_source):
    plain = run()
    with nurse(unet, plan_of(tiny_source, Tar(TarOptions(sigma={0: 1, 1: 1}))), UNET3D):
        assert sum(isinstance(processor, TemporalProcessor) for processor in processors(unet).values()) == 14
        assert torch.equal(run(), plain)


def test_strength_0_is_the_plain_model(unet, run, tiny_source):
    plain = run()
    with nurse(unet, plan_of(tiny_source, Tar(TarOptions(strength=0.0))), UNET3D) as nursing:
        nursing.at(0, 25)
        assert torch.equal(run(), plain)


def test_other_sites_keep_their_processors(unet, tiny_source):
    before = processors(unet)
    with nurse(unet, plan_of(tiny_source, Tar(TarOptions(sigma={1: 4}))), UNET3D):
        changed = {
            name.removesuffix(".processor") for name, processor in processors(unet).items() if processor is not before[name]
        }
    assert changed == {site.name for site in tiny_source.facts().sites if site.level == 1}


@pytest.mark.parametrize("failure", [None, RuntimeError, KeyboardInterrupt])
def test_the_model_is_restored_with_the_same_processors(unet, tiny_source, failure):
    before = processors(unet)
    try:
        with nurse(unet, plan_of(tiny_source, Tar(TarOptions())), UNET3D) as nursing:
            nursing.at(0, 25)
            if failure:
                raise failure
    except (RuntimeError, KeyboardInterrupt):
        pass
    after = processors(unet)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_a_replaced_processor_is_noticed_and_named(unet, tiny_source):
    before = processors(unet)
    with nurse(unet, plan_of(tiny_source, Tar(TarOptions())), UNET3D) as nursing:
        nursing.at(0, 25)
        unet.fuse_qkv_projections()
        with pytest.raises(SamplerError, match=r"down_blocks.0.temp_attentions.0.*attn1: .* replaced by FusedAttnProcessor2_0"):
            nursing.at(1, 25)
    site = "down_blocks.0.temp_attentions.0.transformer_blocks.0.attn1.processor"
    assert processors(unet)[site] is before[site]


def test_a_model_that_is_already_nursed_is_refused(unet, tiny_source):
    plan = plan_of(tiny_source, Tar(TarOptions()))
    with (
        nurse(unet, plan, UNET3D),
        pytest.raises(ModelError, match="holds TemporalProcessor, which cannot be replaced"),
        nurse(unet, plan, UNET3D),
    ):
        pass


def test_a_site_that_does_not_exist_is_refused_before_anything_is_attached(unet, tiny_source):
    before = processors(unet)
    sites = (*tiny_source.facts().sites, SiteAddress("down_blocks.7.attn1", "down", 0, 2, 8))
    plan = plan_attention(sites, [Tar(TarOptions())], Clock(FRAMES, 8.0))
    with pytest.raises(ModelError, match=r"has no module down_blocks\.7\.attn1"), nurse(unet, plan, UNET3D):
        pass
    assert processors(unet) == before


def test_a_spatial_or_cross_attention_is_no_site(unet):
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
    plan = plan_attention([SiteAddress(name, "down", 0, 2, 8)], [Tar(TarOptions())], Clock(FRAMES, 8.0))
    with pytest.raises(ModelError, match="is not a temporal self-attention with 2 heads"), nurse(unet, plan, UNET3D):
        pass


def test_another_number_of_frames_than_planned_is_refused(unet, run, tiny_source):
    with (
        nurse(unet, plan_of(tiny_source, Tar(TarOptions()), frames=16), UNET3D),
        pytest.raises(SamplerError, match="saw 8 frames; the plan is for 16"),
    ):
        run()


def test_windows_that_overlap_act_together(unet, run, tiny_source):
    class Slope:
        options = RegularizerOptions(window=(0.5, 1.0))

        def operations(self, site):
            return [Bias(lambda d: -d.abs())] if site.level == 0 and site.block != "init" else []

    tar = Tar(TarOptions(window=(0.0, 0.75)))
    seen = {}
    with nurse(unet, plan_of(tiny_source, tar, Slope()), UNET3D) as nursing:
        for step in range(4):
            nursing.at(step, 4)
            seen[step] = run()
    assert torch.equal(seen[0], seen[1])
    assert not torch.allclose(seen[1], seen[2], atol=1e-5)
    assert not torch.allclose(seen[2], seen[3], atol=1e-5)


def test_a_broken_operation_ends_with_the_model_restored(unet, tiny_source):
    class Broken:
        options = RegularizerOptions()

        def operations(self, site):
            return [Bias(lambda d: d[0])]

    before = processors(unet)
    with pytest.raises(PluginError, match="'Broken'"), nurse(unet, plan_of(tiny_source, Broken()), UNET3D) as nursing:
        nursing.at(0, 4)
    assert processors(unet) == before


@pytest.mark.parametrize(
    "variant",
    [{}, {"norm_num_groups": 4}, {"residual_connection": True, "rescale_output_factor": 2.0}, {"qk_norm": "layer_norm"}],
)
def test_the_processor_equals_diffusers_own_with_every_option_of_the_module(variant: dict[str, Any]):
    from diffusers.models.attention_processor import Attention

    torch.manual_seed(0)
    attn = Attention(query_dim=16, heads=2, dim_head=8, processor=AttnProcessor2_0(), **variant).eval()  # type: ignore[arg-type]
    x = torch.randn(5, FRAMES, 16)
    expected = attn(x)
    attn.set_processor(TemporalProcessor(Site("attn", "mid", 0, 2, 8, FRAMES, 8.0)))  # type: ignore[arg-type]
    assert torch.equal(attn(x), expected)
