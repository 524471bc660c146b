"""What the function of a wrap may know: the moment, the branches, and where its batch's positions lie."""

from __future__ import annotations

import copy

import pytest
import torch

from vstar_sdk.attention.call import Call, CallLayout, Current
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import RegularizerOptions

FRAMES = 8


class Asking:
    """Notes every call, and changes nothing."""

    def __init__(self, **options):
        self.options, self.calls = RegularizerOptions(**options), []

    def operations(self, site):
        def fn(call_next, query, key, value, q_frames, k_frames, call):
            self.calls.append((site.name, call.moment, call.branches, call.height, call.width, len(query)))
            return call_next(query, key, value, q_frames, k_frames)

        return [Wrap(fn)]


def test_a_moment_counts_as_windows_do():
    assert [Moment(step, 4, 999.0).fraction for step in range(4)] == [0.0, 0.25, 0.5, 0.75]


def test_every_site_has_the_picture_of_its_resolution(tiny_adapter, tiny_source):
    unet = copy.deepcopy(tiny_adapter.denoiser)
    asking = Asking()
    made = plan_attention(tiny_source.facts().sites, [asking], Clock(FRAMES, 8.0), 4)
    with nurse(unet, made, UNET3D) as nursing, torch.no_grad():
        nursing.at(3, 4, 250.0)
        nursing.call((False, True), 6, 4)
        unet(torch.randn(2, 4, FRAMES, 6, 4), 250, encoder_hidden_states=torch.randn(2, 12, 16))
    assert {call[1:3] for call in asking.calls} == {(Moment(3, 4, 250.0), (False, True))}
    assert {(height, width, positions) for *_, height, width, positions in asking.calls} == {(6, 4, 48), (3, 2, 12)}


@pytest.mark.parametrize(("latents", "size"), [((9, 5), (5, 3)), ((9, 5), (2, 1)), ((1, 8), (1, 2)), ((4, 4), (4, 4))])
def test_pictures_are_halved_as_networks_do_it(latents, size):
    layout = CallLayout(lambda: (False, True), *latents)
    call = Call(2 * size[0] * size[1], Current(Moment(0, 1), layout))
    assert (call.height, call.width) == size


def test_positions_that_are_no_picture_are_told():
    with pytest.raises(SamplerError, match="14 positions do not match 2 videos with latents of 4 x 4"):
        _ = Call(14, Current(Moment(0, 1), CallLayout(lambda: (False, True), 4, 4))).height


def test_a_layout_that_nobody_told_is_missed_only_by_those_who_ask():
    call = Call(4, Current(Moment(1, 2)))
    assert (call.moment.step, call.moment.steps) == (1, 2)
    with pytest.raises(SamplerError, match="layout of a call, which was not set") as caught:
        _ = call.branches
    assert caught.value.hint == "set it before every call of the denoiser: nursing.call(branches, height, width)"


def test_a_wrap_may_act_on_the_branch_of_the_prompt_alone():
    def fn(call_next, query, key, value, q_frames, k_frames, call):
        out = call_next(query, key, value, q_frames, k_frames).unflatten(0, (len(call.branches), call.height, call.width))
        return (out * torch.tensor(call.branches)[:, None, None, None, None, None]).flatten(0, 2)

    site = Site("attn", "down", 0, 2, 16, FRAMES, 8.0)
    current = Current(Moment(0, 1), CallLayout(lambda: (False, True), 2, 3))
    q, k, v = torch.randn(3, 12, 2, FRAMES, 16, generator=torch.Generator().manual_seed(0))
    out = compile_acts(site, [Act("it", (0.0, 1.0), (Wrap(fn),))], current)(q, k, v)
    plain = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert torch.equal(out[6:], plain[6:])
    assert not out[:6].any()


def test_recorded_maps_of_a_wrapped_site_are_of_the_whole_batch(tiny_adapter, tiny_source):
    unet = copy.deepcopy(tiny_adapter.denoiser)
    asking = Asking()
    made = plan_attention(tiny_source.facts().sites, [asking], Clock(FRAMES, 8.0), 4)
    recording = Recording([planned.site for planned in made.sites], [0])
    with nurse(unet, made, UNET3D, recording=recording) as nursing, torch.no_grad():
        nursing.at(0, 4, 999.0)
        nursing.call((True,), 4, 4)
        unet(torch.randn(1, 4, FRAMES, 4, 4), 999, encoder_hidden_states=torch.randn(1, 12, 16))
    assert len(asking.calls) == 2 * len(made.sites)
    assert recording.maps().isfinite().all()


def test_what_is_not_read_compiles_no_graph_for_every_step():
    site, current = Site("attn", "down", 0, 2, 16, FRAMES, 8.0), Current()
    wrap = Wrap(lambda call_next, *given: call_next(*given[:-1]) * given[-1].width)
    attend = compile_acts(site, [Act("it", (0.0, 1.0), (wrap,))], current)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    function = torch.compile(lambda q, k, v: attend(q, k, v), backend="eager", fullgraph=True)
    q, k, v = torch.randn(3, 12, 2, FRAMES, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for step in range(4):
            current.moment, current.layout = Moment(step, 4, 1000.0 - step), CallLayout(lambda: (False, True), 2, 3)
            torch.testing.assert_close(function(q, k, v), attend(q, k, v))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
