"""Models that are known, and that cannot be nursed: why. No torch."""

from __future__ import annotations

from collections.abc import Mapping

_LINEAR = "its attention is linear: there are no logits between two tokens, so a regularizer has nothing to act on"

_NOT_BUILT = "is in diffusers, and its family is not built here yet"

CLASSES: Mapping[str, str] = {
    "SanaVideoTransformer3DModel": f"SANA-Video cannot be nursed: {_LINEAR}",
    "SanaTransformer2DModel": f"SANA makes pictures, and {_LINEAR}",
    "MiniMaxH3Transformer3DModel": (
        f"MiniMax-H3 {_NOT_BUILT}: diffusers has it only as modular blocks without steps to hook into, and text, sound and video "
        "are one sequence whose positions it is given from outside"
    ),
}
"""The reason, by the class of the denoiser."""

_NAMES: Mapping[str, str] = {
    "sana": "SanaVideoTransformer3DModel",
    "sanavideo": "SanaVideoTransformer3DModel",
    "minimaxh3": "MiniMaxH3Transformer3DModel",
    "minimax": "MiniMaxH3Transformer3DModel",
}


def reason(name: str) -> str | None:
    """Why the model of a name, or the denoiser of a class, cannot be nursed; None where nothing is known of it.

    Args:
        name: a class of diffusers, or what somebody may call the model in a spec.
    """
    return CLASSES.get(_NAMES.get("".join(letter for letter in name.lower() if letter.isalnum()), name))
