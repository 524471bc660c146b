"""The methods with a band like TAR's: looping, and nursing matched to a profile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vstar_longvideo.loop import Loop, LoopOptions
from vstar_longvideo.profile import Profile, ProfileOptions

from vstar_sdk import Clock, Moment, Rhythm, Site
from vstar_sdk.testing.regularizers import SITES, attend, check_regularizer

SITE = Site.of(SITES[1], 8, 8.0)


def statistic(logits, stat):
    largest = logits.amax(-1, keepdim=True)
    return largest if stat == "max" else largest - logits.mean(-1, keepdim=True)


def band(distance, sigma):
    return torch.exp(-(distance**2) / (2 * sigma**2))


def test_they_keep_the_contract():
    check_regularizer(Loop(LoopOptions()))
    check_regularizer(Loop(LoopOptions(sigma={0: 1, 1: 2}, band="seam")), frames=(5, 16))
    check_regularizer(Profile(ProfileOptions(sigma={0: 1})))


@pytest.mark.parametrize("stat", ["max", "spread"])
@pytest.mark.parametrize("part", ["whole", "seam"])
def test_the_periodic_band_against_the_formula(attention, part, stat):
    given = attention(10)
    steps = torch.arange(10)
    way = torch.tensor([[min((i - j) % 10, (j - i) % 10) for j in range(10)] for i in steps.tolist()], dtype=torch.float64)
    expected = band(way, 1.5) - (0 if part == "whole" else band(given.distance, 1.5))
    logits = given.logits + statistic(given.logits, stat) * expected
    out = attend([Loop(LoopOptions(sigma={0: 1.5}, band=part, stat=stat))], *given.qkv)
    torch.testing.assert_close(out.double(), given.out(logits), atol=1e-5, rtol=0)


def test_the_seam_and_a_straight_band_are_the_periodic_one(attention):
    given = attention(10)
    together = attend([Loop(LoopOptions(sigma={0: 2}, band="seam")), Profile(ProfileOptions(sigma={0: 2}))], *given.qkv)
    torch.testing.assert_close(together, attend([Loop(LoopOptions(sigma={0: 2}))], *given.qkv), atol=1e-6, rtol=0)


def test_the_way_round_is_the_clips_own_where_time_is_compressed():
    """1 + 4 k frames are a quarter of a latent frame and k of them."""
    clock = Clock(9, 8.0, Rhythm.causal(4))
    (bias,) = Loop(LoopOptions(sigma={0: 1})).operations(Site.at(SITES[1], clock))
    distance = torch.tensor(clock.positions, dtype=torch.float64)[:, None] - torch.tensor(clock.positions)
    assert float(bias.fn(distance)[0, 2]) == pytest.approx(np.exp(-((9 / 4 - 13 / 8) ** 2) / 2))


def observed(memory, *shares, site=SITE):
    """Show maps that hold so much near the diagonal; the strengths after each."""
    near = (torch.arange(8)[:, None] - torch.arange(8)).abs() <= 2
    found = [memory.strength(site, Moment(0, len(shares)))]
    for step, share in enumerate(shares):
        rows = share * near / near.sum(1, keepdim=True) + (1 - share) * ~near / (~near).sum(1, keepdim=True)
        memory.observe(site, Moment(step, len(shares)), rows.float())
        found.append(memory.strength(site, Moment(step, len(shares))))
    return found


def test_the_strength_follows_the_share_against_the_formula():
    memory = Profile(ProfileOptions(share=0.6, gain=2)).begin([SITE], 4)
    assert observed(memory, 0.2, 0.5, 0.6, 0.9) == pytest.approx([1, 1.8, 2.0, 2.0, 1.4], abs=1e-6)


def test_the_strength_stays_between_0_and_the_most():
    profile = Profile(ProfileOptions(share=0.6, gain=20, most=3))
    assert observed(profile.begin([SITE], 2), 0.1, 1.0) == pytest.approx([1, 3, 0], abs=1e-6)


def test_sites_and_runs_have_strengths_of_their_own():
    profile = Profile(ProfileOptions())
    one, other = (profile.begin([SITE], 2) for _ in range(2))
    assert observed(one, 0.0)[-1] > 1
    assert one.strength(Site.of(SITES[-1], 8, 8.0), Moment(1, 2)) == 1.0
    assert other.strength(SITE, Moment(1, 2)) == 1.0


def frames(session, story, *regularizers, **sampling):
    spec = story | {"regularizers": list(regularizers), "sampling": {"steps": 2} | sampling}
    return np.stack(list(session.run(spec).frames()))


def test_without_a_gain_it_is_tar_to_the_bit(session, story):
    shared = {"sigma": {0: 1, 1: 8}, "window": [0, 1]}
    tar = frames(session, story, {"use": "tar", **shared})
    assert np.array_equal(frames(session, story, {"use": "longvideo/profile", "gain": 0, **shared}), tar)
    assert (frames(session, story, {"use": "longvideo/profile", "share": 0.9, **shared}) != tar).any()


def test_guidance_in_one_batch_and_in_two_agree(session, story):
    profile = {"use": "longvideo/profile", "sigma": 1, "share": 0.9, "window": [0, 1]}
    one, two = (frames(session, story, profile, guidance_batch=batch) for batch in ("one", "two"))
    assert np.abs(one.astype(int) - two).max() <= 1
