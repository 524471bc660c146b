"""The joint attentions of Mochi. No torch.

The denoiser is diffusers' ``MochiTransformer3DModel``, a stack of equal blocks: ``attn1`` attends over the tokens of all frames
and those of the text, which come last and without their padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.models.diffusers.stacks import stack_sites


def mochi_sites(config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The joint attentions of a ``MochiTransformer3DModel``, in the order in which it runs them.

    Args:
        config: the network's ``config.json``.

    Raises:
        ModelError: it is no configuration of this family.
    """
    return stack_sites(config, "MochiTransformer3DModel")
