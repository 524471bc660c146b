"""Prompt Relay: the penalty of every frame on every state's text, against the formula written out."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from vstar_sdk import timeline
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.testing.texts import check_text
from vstar_sdk.texts.relay import Relay, RelayOptions

STORY = Synopsis((State("a"), State("b"), State("c")))
E = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
CLOCKS = [Clock(60, 8.0), Clock(81, 16.0, Rhythm.causal(4)), Clock(161, 24.0, Rhythm.causal(8))]
SETS = [RelayOptions(), RelayOptions(decay="boundary"), RelayOptions(decay="boundary", epsilon=0.1, margin=0.5)]


def literal(options: RelayOptions, clock: Clock, story: Synopsis = STORY) -> list[list[float]]:
    """``-relu(|f - m| - w)^2 / (2 sigma^2)`` in latent frames, each row moved to a largest value of 0."""
    regular, rows = clock.rhythm.regular, []
    for at in clock.positions:
        row = []
        for first, last in timeline.build(story.states, clock.frames, clock.fps).spans():
            length, midpoint = (last + 1 - first) / regular, (first + last) / 2 / regular
            w = max(0.0, length / 2 - options.margin)
            sigma = 1 / math.log(1 / options.epsilon)
            if options.decay == "boundary":
                sigma = (length / 2 - w) / math.sqrt(2 * math.log(1 / options.epsilon))
            row.append(-(max(0.0, abs(at - midpoint) - w) ** 2) / (2 * sigma**2))
        rows.append([value - max(row) for value in row])
    return rows


@pytest.mark.parametrize("options", SETS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_it_is_the_formula(options, clock):
    given = Relay(options).text(STORY, E, clock)
    assert given.bias is not None
    torch.testing.assert_close(given.bias, torch.tensor(literal(options, clock), dtype=torch.float64), atol=1e-9, rtol=1e-9)
    assert given.embeddings is E


@pytest.mark.parametrize("options", SETS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_in_the_middle_of_a_state_hardly_anything_is_left_of_the_others(options, clock):
    """Whatever the logits: a weight is what it would be, times at most epsilon, against the state's own."""
    bias = Relay(options).text(STORY, E, clock).bias
    assert bias is not None
    for state, (first, last) in enumerate(timeline.build(STORY.states, clock.frames, clock.fps).spans()):
        middle = (first + last) / 2 / clock.rhythm.regular
        frame = min(range(clock.latents), key=lambda f: abs(clock.positions[f] - middle))
        others = [other for other in range(3) if other != state]
        assert bias[frame, state] == 0.0
        assert bias[frame, others].exp().max() <= options.epsilon


def test_the_release_and_the_boundary_are_the_published_widths():
    assert 1 / math.log(1e3) == pytest.approx(0.1448, abs=1e-4)
    clock = Clock(60, 8.0)
    story = Synopsis((State("a", at=0), State("b", at=59)))  # each rules 30 frames
    release, boundary = (Relay(RelayOptions(decay=decay)).text(story, E[:2], clock).bias for decay in ("release", "boundary"))
    assert release is not None
    assert boundary is not None
    assert float(release[27, 1]) == pytest.approx(-(((44.5 - 27) - 13) ** 2) * math.log(1e3) ** 2 / 2)
    decayed = [-((distance - 13) ** 2) / 4 * math.log(1e3) for distance in (14.5, 15.5)]  # of frame 29 from both midpoints
    assert float(boundary[29, 1]) == pytest.approx(decayed[1] - decayed[0])


def test_states_that_are_alike_are_one_text():
    same = Synopsis((State("a"), State("a")))
    given = Relay(RelayOptions()).text(same, E[:1].expand(2, -1, -1), Clock(5, 8.0))
    assert given.bias is None
    assert torch.equal(given.embeddings, E[:1].expand(5, -1, -1))


def test_hold_lets_a_state_rule_until_the_next_anchor():
    clock, story = Clock(60, 8.0), Synopsis((State("a", at=0), State("b", at=50)))
    bias = Relay(RelayOptions(interpolation="hold")).text(story, E[:2], clock).bias
    assert bias is not None
    assert bias.argmax(dim=1).tolist() == [0] * 50 + [1] * 10


@pytest.mark.parametrize("wrong", [{"epsilon": 0.0}, {"epsilon": 1.0}, {"margin": 0.0}, {"decay": "soft"}])
def test_what_is_no_relay_is_refused(wrong):
    with pytest.raises(ValidationError):
        RelayOptions(**wrong)


def test_the_kit_finds_it_well():
    for options in SETS:
        check_text(Relay(options))
