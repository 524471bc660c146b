"""RIFLEx and speed against their formulas, at sites of a model with rotary positions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from vstar_longvideo.riflex import Riflex, RiflexOptions
from vstar_longvideo.speed import Speed, SpeedOptions

from vstar_sdk import RotaryPositions, SiteAddress, SpecError
from vstar_sdk.testing.regularizers import attend

FREQUENCIES = (1.0, 0.5, 0.25)


def site(pairs: Any = "neighbours", first=0):
    rotary = RotaryPositions(FREQUENCIES, first, pairs)
    return SiteAddress("blocks.0.attn", "stack", 0, 2, 8, index=0, rotary=rotary)


def turned(x, angles, first, pairs):
    """Channels turned by rotation, each pair as one complex number; float64."""
    out = x.double().clone()
    for n in range(angles.shape[1]):
        a, b = (first + 2 * n, first + 2 * n + 1) if pairs == "neighbours" else (first + n, first + n + angles.shape[1])
        one = torch.complex(out[..., a], out[..., b]) * torch.polar(torch.ones_like(angles[:, n]), angles[:, n])
        out[..., a], out[..., b] = one.real, one.imag
    return out


@pytest.mark.parametrize(("pairs", "first"), [("neighbours", 0), ("neighbours", 2), ("halves", 2)])
def test_riflex_against_its_formula(attention, pairs, first):
    given = attention(20, head_dim=8)
    place = torch.arange(20, dtype=torch.float64)[:, None]
    own = torch.tensor(FREQUENCIES, dtype=torch.float64)
    slowed = torch.tensor([1.0, 0.9 * 2 * math.pi / 20, 0.25], dtype=torch.float64)
    query, key = (turned(x, place * own, first, pairs) for x in (given.query, given.key))  # as the model hands them over
    out = attend([Riflex(RiflexOptions(frequency=2))], query.float(), key.float(), given.value, site=site(pairs, first))
    query, key = (turned(x, place * slowed, first, pairs) for x in (given.query, given.key))
    expected = given.out(query @ key.mT / math.sqrt(8))
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=0)


def test_at_strength_0_riflex_is_the_plain_model_to_the_bit(attention):
    given = attention(20, head_dim=8)
    out = attend([Riflex(RiflexOptions(frequency=2, strength=0))], *given.qkv, site=site())
    assert torch.equal(out, given.plain)


@pytest.mark.parametrize(("frames", "frequency", "match"), [(20, 4, "3 temporal frequencies"), (8, 2, "takes less than 0.9")])
def test_what_it_would_not_mend_is_refused(attention, frames, frequency, match):
    with pytest.raises(SpecError, match=match):
        attend([Riflex(RiflexOptions(frequency=frequency))], *attention(frames, head_dim=8).qkv, site=site())


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_speed_against_its_formula(attention, factor):
    given = attention(20, head_dim=8)
    own = torch.arange(20, dtype=torch.float64)[:, None] * torch.tensor(FREQUENCIES, dtype=torch.float64)
    query, key = (turned(x, own, 0, "halves") for x in (given.query, given.key))  # as the model hands them over
    out = attend([Speed(SpeedOptions(factor=factor))], query.float(), key.float(), given.value, site=site("halves"))
    query, key = (turned(x, factor * own, 0, "halves") for x in (given.query, given.key))
    torch.testing.assert_close(out.double(), given.out(query @ key.mT / math.sqrt(8)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("options", [{"factor": 2, "strength": 0}, {"factor": 1}])
def test_a_speed_that_changes_nothing_is_the_plain_model(attention, options):
    given = attention(20, head_dim=8)
    out = attend([Speed(SpeedOptions(**options))], *given.qkv, site=site())
    torch.testing.assert_close(out, given.plain, atol=0 if "strength" in options else 1e-6, rtol=0)


@pytest.mark.parametrize("part", [{"use": "longvideo/riflex", "frequency": 6}, {"use": "longvideo/speed", "factor": 2}])
def test_a_model_without_rotary_positions_is_refused_with_the_place(session, story, part):
    spec = story | {"regularizers": [{"use": "tar"}, part]}
    with pytest.raises(SpecError, match=r"regularizers\[1\].*rotary positions"):
        session.plan(spec)
