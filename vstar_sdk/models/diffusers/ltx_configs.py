"""What the configurations of LTX and LTX-2 must say alike. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.errors import ModelError


def check_token_channels(network: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Be sure that a network makes the decoder's latents.

    Args:
        network: its ``config.json``.
        vae: likewise.

    Raises:
        ModelError: it makes others, or wants more than these.
    """
    channels, latent = network.get("in_channels", 128), vae.get("latent_channels", 128) * network.get("patch_size", 1) ** 2
    if channels != latent:
        raise ModelError(f"its transformer takes {channels} channels, but a token of the latents has {latent}")
