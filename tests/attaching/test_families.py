"""attach, on every family whose denoiser attends over all tokens of a clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import cpu_offload

from tests.attaching.families import BAKED, FAMILIES, NEGATIVE, ONE, OTHER, SLOW, TAR, Held, networks, state
from tests.joint_oracle import materialised
from vstar_sdk import Bias, Wrap, attach
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import TarOptions


def of_those(wanted: Callable[[str, Held], bool]) -> list[Any]:
    """Parameters: the families of a kind."""
    marks = {True: pytest.mark.slow, False: ()}
    return [pytest.param(name, marks=marks[name in SLOW]) for name, held in FAMILIES.items() if wanted(name, held)]


several = pytest.mark.parametrize("held", of_those(lambda _, held: not held.one_text), indirect=True)
alike = pytest.mark.parametrize("held", of_those(lambda _, held: held.one_text), indirect=True)


BAKED_ONES = [FAMILIES[name] for name in BAKED]


@pytest.fixture(params=of_those(lambda *_: True))
def held(request: pytest.FixtureRequest) -> Held:
    """What is known of a pipeline."""
    return FAMILIES[request.param]


@pytest.fixture
def pipe(held: Held, pipelines: Callable[[str], Any]) -> Any:
    """The pipeline."""
    return pipelines(next(name for name, other in FAMILIES.items() if other is held))


def same(made: torch.Tensor, wanted: torch.Tensor, noise: float) -> bool:
    """Whether two clips are equal: bit for bit, where there is no noise."""
    return torch.equal(made, wanted) if noise == 0.0 else bool((made - wanted).abs().max() <= noise)


def test_equal_captions_are_the_plain_pipeline(held, pipe):
    plain = held.make(pipe)
    with attach(pipe, [], [ONE, ONE, ONE]):
        assert same(held.make(pipe, OTHER), plain, held.noise)


@pytest.mark.parametrize("guided", [True, False])
def test_a_caption_is_the_pipeline_prompted_with_it(held, pipe, guided):
    changes = {} if guided else held.unguided
    wanted = held.make(pipe, OTHER, **changes)
    assert not torch.allclose(held.make(pipe, **changes), wanted, atol=1e-3)
    with attach(pipe, [], [OTHER]):
        assert same(held.make(pipe, **changes), wanted, held.noise)


@pytest.mark.parametrize("held", of_those(lambda name, _: name not in BAKED), indirect=True)
def test_the_negative_prompt_is_the_pipelines_own(held, pipe):
    wanted = held.make(pipe, ONE, negative_prompt=NEGATIVE)
    assert not torch.allclose(held.make(pipe), wanted, atol=1e-4)
    with attach(pipe, [], [ONE]):
        assert same(held.make(pipe, OTHER, negative_prompt=NEGATIVE), wanted, held.noise)


@several
def test_states_reach_their_frames(held, pipe):
    """Captions of different lengths; a step of the network, in which only those frames differ that are told something else."""
    with attach(pipe, [], [ONE, OTHER]):
        both = held.make(pipe)
    with attach(pipe, [], [ONE]):
        one = held.make(pipe)
    assert both.isfinite().all()
    assert not torch.allclose(both, one, atol=1e-3)


@alike
def test_several_states_are_refused_by_name_with_the_remedy(held, pipe):
    before = state(pipe)
    with (
        pytest.raises(
            ModelError, match=rf"{type(pipe).__name__} does not support 2 different states: .* (one|the same) text"
        ) as refused,
        attach(pipe, [TAR], [ONE, OTHER]),
    ):
        pass
    assert "Prompt Relay" in str(refused.value.hint)
    assert state(pipe) == before


def test_tar_changes_the_clip_and_strength_0_changes_no_bit(held, pipe):
    plain = held.make(pipe)
    with attach(pipe, [TAR]):
        assert not torch.allclose(held.make(pipe), plain, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(held.make(pipe), plain)


@pytest.mark.parametrize("held", ["ltx", pytest.param("hunyuan15", marks=pytest.mark.slow)], indirect=True)
def test_what_is_left_out_has_the_defaults_of_a_run_on_such_a_model(held, pipe):
    brief = {"use": "tar", "sigma": {0: 1}, "window": [0.0, 1.0]}

    def made(regularizer: Any) -> torch.Tensor:
        with attach(pipe, [regularizer]):
            return held.make(pipe)

    wanted = made({**brief, "stat": "spread", "strength": 0.5})
    assert torch.equal(made(brief), wanted)
    assert torch.equal(made(TarOptions(sigma={0: 1}, window=(0.0, 1.0))), wanted)
    assert not torch.equal(made({**brief, "stat": "max", "strength": 1.0}), wanted)


def test_tar_equals_the_formula_materialised_in_float64_and_adds_nothing_to_text(held, pipe):
    with attach(pipe, [TAR]):
        got = held.make(pipe)
    bias = Bias(lambda d: (-d.square() / 2).exp(), stat="spread", strength=4.0)
    with materialised(bias, held.clock, held.video, *held.tokens) as added:
        wanted = held.make(pipe)
    assert len(added) > 0
    assert len(added) % held.layers == 0
    for one in added:
        there = one.clone()
        there[..., held.video, held.video] = 0
        assert there.count_nonzero() == 0
        assert one.count_nonzero() > 0
    assert (got - wanted).abs().max() < held.near


def test_a_regularizer_sees_latent_frames_and_their_time(held, pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: -distance.abs())]

    with attach(pipe, [Watching()], fps=16.0):
        held.make(pipe)
    clock = held.clock
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", clock.latents, clock.rate)}
    assert seen[0].clock.positions == clock.positions


def test_a_wrap_knows_the_picture_and_the_branches(held, pipe):
    seen = set()

    def through(attend, q, k, v, q_frames, k_frames, call):
        seen.add((call.height * call.width, len(call.branches)))
        return attend(q, k, v, q_frames, k_frames)

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            return [Wrap(through)]

    plain = held.make(pipe, **held.unguided)
    with attach(pipe, [Watching()]):
        assert (held.make(pipe, **held.unguided) - plain).abs().max() < 1e-3
    assert seen == {(held.positions, 1)}


@pytest.mark.parametrize(
    "held",
    ["mochi", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ltx", "cogvideox 5b", "hunyuan15"))],
    indirect=True,
)
def test_a_wrap_knows_the_picture_and_the_branches_of_guidance_in_one_batch_too(held, pipe):
    """In Mochi the videos of a batch attend one by one, each with a text of its own length."""
    seen = []

    def through(attend, q, k, v, q_frames, k_frames, call):
        seen.append((call.height * call.width, len(q), call.branches))
        return attend(q, k, v, q_frames, k_frames)

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            return [Wrap(through)]

    plain = held.make(pipe)
    with attach(pipe, [Watching()]):
        assert (held.make(pipe) - plain).abs().max() < 1e-3
    assert {positions for positions, _, _ in seen} == {held.positions}
    assert all(videos == len(branches) for _, videos, branches in seen)
    assert {branch for _, _, branches in seen for branch in branches} == {True, False}


def test_blocks_choose_where_a_regularizer_acts(held, pipe):
    plain = held.make(pipe)
    with attach(pipe, [{**TAR, "blocks": [1, 1]}]):
        assert not torch.allclose(held.make(pipe), plain, atol=1e-4)


@pytest.mark.parametrize("call", ["works", "is refused", "fails in the network"])
def test_afterwards_the_pipeline_is_as_it_was(held, pipe, call):
    plain, before = held.make(pipe), state(pipe)
    last = [module for module in networks(pipe)[0].modules() if isinstance(module, torch.nn.Linear)][-1]
    with attach(pipe, [TAR], [ONE] if held.one_text else [ONE, OTHER]):
        held.make(pipe)
        assert state(pipe) != before
        if call == "is refused":
            with pytest.raises(ValueError if held in BAKED_ONES else SamplerError, match=r"for 2 videos at once|a single string"):
                held.make(pipe, [ONE, OTHER])
        if call == "fails in the network":

            def fail(*_: Any) -> None:
                raise RuntimeError("no more memory")

            hook = last.register_forward_pre_hook(fail)
            with pytest.raises(RuntimeError, match="no more memory"):
                held.make(pipe)
            hook.remove()
    assert state(pipe) == before
    assert torch.equal(held.make(pipe), plain)


def test_methods_that_its_user_put_there_are_there_again(held, pipe):
    own = [(pipe, "encode_prompt"), *((network, "cache_context") for network in networks(pipe))]
    put = {(thing, name): getattr(thing, name) for thing, name in own if hasattr(thing, name)}
    for (thing, name), method in put.items():
        setattr(thing, name, method)
    with attach(pipe, [TAR], [ONE]):
        held.make(pipe)
    assert all(vars(thing)[name] is method for (thing, name), method in put.items())


def test_offloaded_it_makes_the_same_and_is_as_it_was(held, pipe):
    states = [ONE] if held.one_text else [ONE, OTHER]
    with attach(pipe, [TAR], states):
        wanted = held.make(pipe)
    plain = held.make(pipe)
    for network in networks(pipe):
        cpu_offload(network, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], states):
        assert torch.equal(held.make(pipe), wanted)
    assert state(pipe) == before
    assert torch.equal(held.make(pipe), plain)


@pytest.mark.parametrize("held", of_those(lambda name, _: name not in {"hunyuan15", *BAKED}), indirect=True)  # they take none
def test_callbacks_of_steps_are_called(held, pipe):
    steps: list[int] = []

    def watch(pipe: Any, step: int, timestep: Any, values: Any) -> Any:
        steps.append(step)
        return values

    with attach(pipe, [TAR], [ONE]):
        held.make(pipe, num_inference_steps=2, callback_on_step_end=watch)
    assert steps == [0, 1]
