"""Attention maps are recorded where and when they are wanted, and the run is the same for it."""

import copy

import pytest
import torch

from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.regularizers.identity import Identity
from vstar_sdk.regularizers.replacement import ReplacementOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES = 8


@pytest.fixture
def unet(tiny_adapter):
    return copy.deepcopy(tiny_adapter.denoiser)


def sites_of(tiny_source):
    return [Site.of(address, FRAMES, 8.0) for address in tiny_source.facts().sites]


def run(unet, plan, steps, recording=None):
    """The outputs of some steps."""
    random = torch.Generator().manual_seed(3)
    latents, text = torch.randn(2, 4, FRAMES, 4, 4, generator=random), torch.randn(2, 12, 16, generator=random)
    outputs = []
    with nurse(unet, plan, UNET3D, recording=recording) as nursing, torch.no_grad():
        for step in range(steps):
            nursing.at(step, steps)
            outputs.append(unet(latents, 500, encoder_hidden_states=text).sample)
    return outputs


def plan_of(tiny_source, *regularizers):
    return plan_attention(tiny_source.facts().sites, regularizers, Clock(FRAMES, 8.0))


def test_all_sites_are_recorded_in_the_steps_that_were_asked_for_and_the_run_is_the_same_bit_for_bit(unet, tiny_source):
    plan, sites = plan_of(tiny_source, Tar(TarOptions(sigma={0: 1}))), sites_of(tiny_source)
    plain = run(unet, plan, 3)
    recording = Recording(sites, steps=[0, 2])
    recorded = run(unet, plan, 3, recording)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))
    maps = recording.maps()
    assert maps.shape == (2, len(sites), FRAMES, FRAMES)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, len(sites), FRAMES), atol=1e-5, rtol=0)


def test_the_maps_are_those_after_all_operations(unet, tiny_source):
    half = Identity(ReplacementOptions(levels=[1], weight=1.0))
    sites = sites_of(tiny_source)
    recording = Recording(sites, steps=[0])
    run(unet, plan_of(tiny_source, half), 1, recording)
    for site, found in zip(sites, recording.maps()[0], strict=True):
        assert torch.allclose(found, torch.eye(FRAMES), atol=1e-5) == (site.level == 1)


def test_a_map_is_the_mean_over_positions_heads_and_branches():
    from vstar_sdk.attention.executors import plain_attention

    q, k = torch.randn(2, 5, 2, FRAMES, 16, generator=torch.Generator().manual_seed(0))
    site = Site("attn", "mid", 0, 2, 16, FRAMES, 8.0)
    recording = Recording([site], [4])
    slot = recording.slot(site, 4)
    assert slot is not None
    slot.add(plain_attention, q[:2], k[:2])
    slot.add(plain_attention, q[2:], k[2:])
    expected = (q @ k.mT / 4).softmax(-1).mean((0, 1))
    torch.testing.assert_close(recording.maps()[0, 0], expected, atol=1e-6, rtol=0)
    assert recording.slot(site, 3) is None


def test_a_step_that_did_not_run_has_no_map(unet, tiny_source):
    recording = Recording(sites_of(tiny_source), steps=[0, 7])
    run(unet, plan_of(tiny_source), 2, recording)
    with pytest.raises(SamplerError, match=r"transformer_in.*did not run in step 7"):
        recording.maps()


def test_a_recording_needs_sites_of_one_clip():
    with pytest.raises(SamplerError, match="sites of one clip"):
        Recording([], [0])


def test_recording_compiles_to_one_graph():
    from vstar_sdk.attention.executors import plain_attention

    site = Site("attn", "mid", 0, 2, 16, FRAMES, 8.0)
    slots = [Recording([site], [0, 1]).slot(site, step) for step in (0, 1)]
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    add = torch.compile(lambda slot, q, k: slot.add(plain_attention, q, k), backend="eager", fullgraph=True)
    q, k = torch.randn(2, 5, 2, FRAMES, 16)
    with torch.inference_mode():
        for slot in slots:
            add(slot, q, k)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_a_recording_of_another_clip_than_the_plans_is_refused(unet, tiny_source):
    sites = [Site.of(address, FRAMES, 7.0) for address in tiny_source.facts().sites]
    with pytest.raises(SamplerError, match="recorded for 8 frames at 7 fps, and the plan is for 8 at 8"):
        run(unet, plan_of(tiny_source, Tar(TarOptions())), 1, Recording(sites, steps=[0]))


def test_addresses_and_steps_before_the_first_are_refused(tiny_source):
    with pytest.raises(SamplerError, match="needs the sites of a clip"):
        Recording(list(tiny_source.facts().sites), [0])  # type: ignore[arg-type]
    with pytest.raises(SamplerError, match="at least one step from 0 on"):
        Recording(sites_of(tiny_source), [-1])
