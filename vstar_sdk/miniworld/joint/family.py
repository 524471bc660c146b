"""The joint sibling as a family: Wan's attention, with a latent for every frame and CLIP's text."""

from __future__ import annotations

from vstar_sdk.models.wan.family import WanFamily


class MiniworldTransformerFamily(WanFamily):
    """All tokens of a clip attend to each other; no frame is packed with others."""


MINIWORLD_TRANSFORMER = MiniworldTransformerFamily()
