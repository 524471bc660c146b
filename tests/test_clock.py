"""The time of frames and latent frames, against the definitions of the families that compress time."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.attention.terms import frame_distance
from vstar_sdk.clock import EVERY_FRAME, Clock, Rhythm

PACKED = Rhythm(head=(), cycle=(1, 4, 4, 4, 4), tail=(1, 4))
"""17 n + 5 frames in 5 n + 2 latent frames, which stand for 1, 4, 4, 4 and 4 frames in turn."""

RHYTHMS = [EVERY_FRAME, Rhythm.causal(4), Rhythm.causal(6), Rhythm.causal(8), PACKED]
FORMULAS = ["1 + 1 k", "1 + 4 k", "1 + 6 k", "1 + 8 k", "5 + 17 k"]


def lengths(rhythm: Rhythm) -> list[int]:
    return [rhythm.shortest + times * rhythm.step for times in range(8)]


@pytest.mark.parametrize(("rhythm", "formula"), [*zip(RHYTHMS, FORMULAS, strict=True)])
def test_the_lengths_of_clips(rhythm, formula):
    first, step = (int(word) for word in formula.split() if word.isdigit())
    assert rhythm.formula == formula
    for frames in range(200):
        allowed = frames >= first and (frames - first) % step == 0
        assert (rhythm.nearest(frames) == (frames,)) == allowed


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_another_length_names_both_neighbours(rhythm):
    for one, other in pairwise(lengths(rhythm)):
        for frames in range(one + 1, other):
            assert rhythm.nearest(frames) == (one, other)
            with pytest.raises(ValueError, match="a clip has"):
                Clock(frames, 8.0, rhythm)
    assert rhythm.nearest(0) == (rhythm.shortest,)


@pytest.mark.parametrize("r", [4, 6, 8])
def test_a_causal_model_holds_the_first_frame_alone(r):
    for frames in lengths(Rhythm.causal(r)):
        clock = Clock(frames, 24.0, Rhythm.causal(r))
        assert clock.latents == (frames - 1) // r + 1
        assert clock.spans[0] == range(1)
        assert [*clock.spans[1:]] == [range(1 + r * k, 1 + r * (k + 1)) for k in range(clock.latents - 1)]


def test_a_packed_model_has_5n_and_2_latent_frames_of_1_4_4_4_and_4_frames():
    for n, frames in enumerate(lengths(PACKED)):
        clock = Clock(frames, 24.0, PACKED)
        assert (clock.frames, clock.latents) == (17 * n + 5, 5 * n + 2)
        assert [len(span) for span in clock.spans] == [(1, 4, 4, 4, 4)[latent % 5] for latent in range(clock.latents)]


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_every_frame_belongs_to_one_latent_frame(rhythm):
    for frames in lengths(rhythm):
        clock = Clock(frames, 8.0, rhythm)
        assert [frame for span in clock.spans for frame in span] == [*range(frames)]


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_latent_frames_know_their_clip(rhythm):
    allowed = {Clock(frames, 8.0, rhythm).latents: frames for frames in lengths(rhythm)}
    for latents in range(1, max(allowed)):
        if latents in allowed:
            assert Clock.of_latents(latents, 8.0, rhythm).frames == allowed[latents]
        else:
            with pytest.raises(ValueError, match=f"has {latents} latent frames"):
                Clock.of_latents(latents, 8.0, rhythm)


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_time_goes_on_and_in_the_middle_of_a_clip_by_one(rhythm):
    clock = Clock(lengths(rhythm)[6], 24.0, rhythm)
    assert all(one < other for one, other in pairwise(clock.times))
    for latent, other in pairwise(range(clock.latents)):
        if len(clock.spans[latent]) == len(clock.spans[other]) == rhythm.regular:
            assert clock.positions[other] - clock.positions[latent] == pytest.approx(1.0)
    middles = [(span[0] + span[-1]) / 2 / 24.0 for span in clock.spans]
    assert clock.times == pytest.approx(middles)


def test_the_first_latent_frame_of_a_causal_model_is_nearer_than_the_others():
    assert Clock(13, 16.0, Rhythm.causal(4)).positions == (0.0, 0.625, 1.625, 2.625)
    assert Clock(22, 24.0, PACKED).positions == (0.0, 0.625, 1.625, 2.625, 3.625, 4.25, 4.875)


def test_without_compression_a_distance_is_exactly_that_of_the_numbers():
    numbers = torch.arange(33, dtype=torch.float64)
    assert torch.equal(frame_distance(Clock(33, 8.0)), numbers[:, None] - numbers[None, :])


def test_durations_come_in_the_units_of_distances():
    address = SiteAddress("attn1", "stack", 0, 2, 16, kind="joint", index=0)
    site = Site.at(address, Clock(65, 16.0, Rhythm.causal(4)))
    assert (site.frames, site.fps) == (17, 4.0)
    assert site.duration("1s") == 4.0
    assert site.duration("50%") == 65 / 8
    assert site.duration(3) == 3.0
    distance = frame_distance(site.clock)
    assert distance[5, 1] == site.duration("1s")


def test_a_site_without_a_clock_is_of_a_model_that_does_not_compress_time():
    site = Site("attn1", "down", 0, 2, 16, 12, 8.0)
    assert site.clock == Clock(12, 8.0)
    assert site == Site.of(SiteAddress("attn1", "down", 0, 2, 16), 12, 8.0)
