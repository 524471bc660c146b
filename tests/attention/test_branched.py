"""Branches of a guidance that are nursed in another way than the others of the same call."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from vstar_sdk.attention.branches import ChangedBranch
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias, Mix, Scale, Skip, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.telling import told, with_text
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SamplerError, SpecError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES = 8
NAMES = ("negative", "prompt", "worse")
TAR = Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))


class Wants:
    def __init__(self, *operations, level=None):
        self.options, self.given, self.level = RegularizerOptions(), operations, level

    def operations(self, site):
        return self.given if site.block != "init" and self.level in (None, site.level) else ()


@pytest.fixture
def unet(tiny_adapter):
    return copy.deepcopy(tiny_adapter.denoiser)


@pytest.fixture
def sites(tiny_source):
    return tiny_source.facts().sites


RANDOM = torch.Generator().manual_seed(3)
LATENTS = torch.randn(1, 4, FRAMES, 4, 4, generator=RANDOM)
TEXTS = dict(zip(NAMES, torch.randn(2, 12, 16, generator=RANDOM)[[0, 1, 1]], strict=True))


def changed(*operations, level=None):
    return [ChangedBranch("acme/guide", "worse", (0.0, 1.0), Wants(*operations, level=level).operations)]


def plan(sites, *regularizers, branches=()):
    return plan_attention(sites, regularizers, Clock(FRAMES, 8.0), 2, branches)


def run(unet, plan, *calls, recording=None):
    """The prediction of every branch, each call with the branches that it names."""
    found = []
    with nurse(unet, plan, UNET3D, recording=recording) as nursing, torch.no_grad():
        for call in calls:
            nursing.at(0, 2)
            nursing.call(tuple(name != "negative" for name in call), 4, 4, names=call)
            text = torch.stack([TEXTS[name] for name in call])
            found += unet(LATENTS.expand(len(call), -1, -1, -1, -1), 500, encoder_hidden_states=text).sample
    return found


@pytest.mark.parametrize("regularizers", [[], [TAR]], ids=["plain", "tar"])
@pytest.mark.parametrize(
    ("operations", "as_regularizer"),
    [
        ([Skip()], Mix(lambda d: torch.eye(FRAMES, dtype=d.dtype))),
        ([Mix(lambda d: torch.full_like(d, 1 / FRAMES))], Mix(lambda d: torch.full_like(d, 1 / FRAMES))),
        ([Bias(lambda d: -d.abs())], Bias(lambda d: -d.abs())),
    ],
    ids=["skip", "mix", "bias"],
)
def test_one_branch_alone_is_changed_in_one_call_and_in_several(unet, sites, regularizers, operations, as_regularizer):
    own = regularizers if isinstance(as_regularizer, Bias) else []  # a whole map is all that is left
    expected = run(unet, plan(sites, *regularizers), ("negative",), ("prompt",))
    expected += run(unet, plan(sites, *own, Wants(as_regularizer)), ("prompt",))
    nursed = plan(sites, *regularizers, branches=changed(*operations))
    one = run(unet, nursed, NAMES)
    several = run(unet, nursed, ("negative",), ("prompt",), ("worse",))
    for together, apart, wanted in zip(one, several, expected, strict=True):
        torch.testing.assert_close(together, wanted, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(apart, wanted, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one[1], one[2], atol=1e-3)


def test_two_changed_branches_have_a_change_each(unet, sites):
    soft, sharp = Wants(Scale(q=0.2)), Wants(Scale(q=5.0))
    both = [*changed(*soft.given), ChangedBranch("acme/guide", "negative", (0.0, 1.0), sharp.operations)]
    expected = run(unet, plan(sites, sharp), ("negative",)) + run(unet, plan(sites, soft), ("worse",))
    torch.testing.assert_close(run(unet, plan(sites, branches=both), ("negative", "worse")), expected, atol=1e-5, rtol=1e-5)


def test_branches_stay_changed_where_all_key_states_are_alike(sites):
    """A text part that then gives one text for all frames does not act, and takes nothing else with it."""
    reader = replace(sites[-1], name="reader", kind="cross", reads=True)
    asked = plan(sites, branches=changed(Skip()))
    alike = told(with_text(asked, [reader], "relay"), None, 12, [(0, FRAMES - 1)])
    assert (alike.sites, alike.untouched) == (asked.sites, asked.untouched)


def test_a_layer_that_is_left_out_gives_back_what_it_was_given(unet, sites):
    plain = run(unet, plan(sites), NAMES[:2])
    got = run(unet, plan(sites, branches=changed(Skip("layer"), level=1)), NAMES)
    several = run(unet, plan(sites, branches=changed(Skip("layer"), level=1)), *((name,) for name in NAMES))
    for site in sites:
        if site.level == 1:
            block = unet.get_submodule(site.name.rpartition(".")[0])
            block.forward = lambda hidden_states, **_: hidden_states
    (wanted,) = run(unet, plan(sites), ("prompt",))
    for one, other, expected in zip(got, several, [*plain, wanted], strict=True):
        torch.testing.assert_close(one, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(other, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(wanted, plain[1], atol=1e-3)


def test_a_layer_that_all_videos_of_a_call_leave_out_is_not_computed(unet, sites):
    blocks = [unet.get_submodule(site.name.rpartition(".")[0]) for site in sites if site.level == 1]
    own = [name for name, module in unet.named_modules() if "forward" in vars(module)]
    computed = []
    for block in {id(block): block for block in blocks}.values():
        block.ff.register_forward_hook(lambda module, args, output: computed.append(len(output)))
    whole = plan(sites, branches=changed(Skip("layer"), level=1))
    several = run(unet, whole, *((name,) for name in NAMES))
    each = len(computed)
    computed.clear()
    together = run(unet, whole, NAMES)
    assert len(computed) * 2 == each  # two calls of three; the one of all three branches is computed whole
    torch.testing.assert_close(several, together, atol=1e-5, rtol=1e-5)
    assert own == [name for name, module in unet.named_modules() if "forward" in vars(module)]


def test_a_layer_whose_forward_somebody_replaced_is_computed_all_the_same(unet, sites):
    computed = []
    for site in sites:
        block = unet.get_submodule(site.name.rpartition(".")[0])
        if site.level == 1 and "forward" not in vars(block):
            own = block.forward
            block.forward = lambda *args, own=own, **kwargs: (computed.append(1), own(*args, **kwargs))[1]
    got = run(unet, plan(sites, branches=changed(Skip("layer"), level=1)), *((name,) for name in NAMES))
    assert len(computed) % 3 == 0
    fresh = [*run(unet, plan(sites), *((name,) for name in NAMES[:2]))]
    torch.testing.assert_close(got[:2], fresh, atol=1e-5, rtol=1e-5)
    assert len(computed) % 5 == 0
    assert not torch.allclose(got[2], got[1], atol=1e-3)


def test_the_hooks_go_with_the_nursing(unet, sites):
    before = run(unet, plan(sites), ("prompt",))[0]
    run(unet, plan(sites, branches=changed(Skip("layer"))), NAMES)
    assert not any(module._forward_hooks for module in unet.modules())
    assert torch.equal(run(unet, plan(sites), ("prompt",))[0], before)


def test_a_compiled_denoiser_with_layers_left_out_is_refused(unet, sites):
    unet.compile(backend="eager")
    with (
        pytest.raises(SamplerError, match="leaves layers out"),
        nurse(unet, plan(sites, branches=changed(Skip("layer"))), UNET3D),
    ):
        pass


def test_maps_are_of_the_branches_that_are_not_changed(unet, sites):
    def maps(branches, *calls):
        planned = plan(sites, TAR, branches=branches)
        recording = Recording([one.site for one in planned.sites if one.acts], [0])
        run(unet, planned, *calls, recording=recording)
        return recording.maps()

    wanted = maps((), NAMES[:2])
    torch.testing.assert_close(maps(changed(Skip()), NAMES), wanted)
    torch.testing.assert_close(maps(changed(Skip()), *((name,) for name in NAMES)), wanted)


def test_a_wrap_sees_the_videos_of_its_branch_alone(unet, sites):
    seen = []

    def fn(call_next, query, key, value, q_frames, k_frames, call):
        seen.append((call.branches, len(query) // (call.height * call.width)))
        return call_next(query, key, value, q_frames, k_frames)

    run(unet, plan(sites, Wants(Wrap(fn)), branches=changed(Bias(lambda d: -d.abs()))), NAMES)
    assert set(seen) == {((False,), 1), ((True,), 1)}


@pytest.mark.parametrize(
    ("operations", "error", "words"),
    [
        (
            (Skip(), Bias(lambda d: d)),
            PluginError,
            "guidance 'acme/guide': .* has a Skip beside something else",
        ),
        (("nothing",), PluginError, "gave a str, which is no operation"),
        ((), SpecError, "acme/guide: its branch worse changes none of the model's"),
    ],
)
def test_what_no_branch_can_ask_for_is_told(sites, operations, error, words):
    with pytest.raises(error, match=words) as told:
        plan(sites, branches=changed(*operations))
    assert told.value.hint


def test_a_regularizer_cannot_leave_attention_out(sites):
    with pytest.raises(PluginError, match="gave a Skip, which is not an operation"):
        plan(sites, Wants(Skip()))
