"""Rotary positions whose channels are divided among time, height and width. No torch."""

from __future__ import annotations

import math

from vstar_sdk.attention.sites import RotaryPositions


def of_time(channels: int, theta: float) -> RotaryPositions:
    """Positions of which the first channels of a head are for the frame: ``theta ** (-2 n / channels)`` for the pair ``n``.

    Args:
        channels: that the frame turns, two for each frequency.
        theta: the base of the frequencies.
    """
    return RotaryPositions(tuple(theta ** (-2 * pair / channels) for pair in range(channels // 2)))


def of_seconds(channels: int, theta: float, seconds: float, longest: float) -> RotaryPositions:
    """Positions in seconds, whose frequencies of time, height and width take turns over the channels of all heads.

    With ``K`` frequencies for each, number ``n`` of time turns the channels ``rest + 6 n`` and the next one, where the first
    ``rest = channels mod 6`` are not turned, by ``theta ** (n / (K - 1)) pi / 2 (2 t / longest - 1)`` at second ``t``. What does
    not change with ``t`` is the same for queries and keys, and so nothing to a logit.

    Args:
        channels: of all heads together.
        theta: the base of the frequencies.
        seconds: from one latent frame to the next.
        longest: seconds that the slowest frequency takes for half a turn.
    """
    count, rest = channels // 6, channels % 6
    fastest_first = range(count - 1, -1, -1)
    frequencies = tuple(theta ** (n / max(1, count - 1)) * math.pi * seconds / longest for n in fastest_first)
    return RotaryPositions(frequencies, places=tuple(rest + 6 * n for n in fastest_first))
