"""Rotary positions whose channels are divided among time, height and width. No torch."""

from __future__ import annotations

from vstar_sdk.attention.sites import RotaryPositions


def of_time(channels: int, theta: float) -> RotaryPositions:
    """Positions of which the first channels of a head are for the frame: ``theta ** (-2 n / channels)`` for the pair ``n``.

    Args:
        channels: that the frame turns, two for each frequency.
        theta: the base of the frequencies.
    """
    return RotaryPositions(tuple(theta ** (-2 * pair / channels) for pair in range(channels // 2)))
