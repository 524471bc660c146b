"""Colours as people tell them apart: CIELAB."""

from __future__ import annotations

from collections.abc import Sequence

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
"""From linear sRGB to CIE XYZ (IEC 61966-2-1, D65)."""


def lab(levels: Sequence[float]) -> tuple[float, float, float]:
    """CIELAB (D65) of an sRGB colour.

    Args:
        levels: red, green and blue, 0 to 255, whole or not.

    Returns:
        ``L*`` from 0 to 100, ``a*`` and ``b*`` around 0. The distance of two colours is ``Delta E*ab`` (CIE 1976).
    """
    linear = [_linear(level / 255) for level in levels]
    x, y, z = (_bent(sum(a * b for a, b in zip(row, linear, strict=True)) / sum(row)) for row in _TO_XYZ)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(coded: float) -> float:
    """Light of a coded level, both 0 to 1."""
    return coded / 12.92 if coded <= 0.04045 else ((coded + 0.055) / 1.055) ** 2.4


def _bent(share: float) -> float:
    """The cube root of CIE 15, a line near 0; of a share of the white point."""
    return share ** (1 / 3) if share > 216 / 24389 else (24389 / 27 * share + 16) / 116
