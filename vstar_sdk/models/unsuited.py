"""Models that are known, and that cannot be nursed: why. No torch."""

from __future__ import annotations

from collections.abc import Mapping

_LINEAR = "its attention is linear: there are no logits between two tokens, so a regularizer has nothing to act on"

CLASSES: Mapping[str, str] = {
    "SanaVideoTransformer3DModel": f"SANA-Video cannot be nursed: {_LINEAR}",
    "SanaTransformer2DModel": f"SANA makes pictures, and {_LINEAR}",
}
"""The reason, by the class of the denoiser."""

_NAMES: Mapping[str, str] = {
    "sana": "SanaVideoTransformer3DModel",
    "sanavideo": "SanaVideoTransformer3DModel",
}


def reason(name: str) -> str | None:
    """Why the model of a name, or the denoiser of a class, cannot be nursed; None where nothing is known of it.

    Args:
        name: a class of diffusers, or what somebody may call the model in a spec.
    """
    return CLASSES.get(_NAMES.get("".join(letter for letter in name.lower() if letter.isalnum()), name))
