"""``blend``: every frame reads its own mixture of the key states' embeddings (VSTAR, video synopsis prompting). No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk import timeline
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.texts.contract import FrameText
from vstar_sdk.texts.mixture import mixture
from vstar_sdk.texts.options import TextOptions

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.synopses import Synopsis


class Blend:
    """A `vstar_sdk.Text`: ``weights @ embeddings``, with the weights of a `vstar_sdk.Timeline`.

    A latent frame has the mean weights of the pixel frames that it stands for. Where all states are alike, the frames share one
    embedding in memory.

    Args:
        options: validated options.
    """

    reads = "frames"

    def __init__(self, options: TextOptions) -> None:
        self.options = options

    def text(self, synopsis: Synopsis, embeddings: Tensor, clock: Clock) -> FrameText:
        """See `vstar_sdk.Text.text`."""
        placed = timeline.build(synopsis.states, clock.frames, clock.fps, self.options.interpolation)
        prompts, weights = synopsis.prompts(), placed.pooled(clock)
        if len({*prompts}) == 1:
            return FrameText(embeddings[:1].expand(len(weights), -1, -1))
        return FrameText(mixture(weights, prompts, embeddings))


@hookimpl
def register_texts(register: Register) -> None:
    """Offer the text part."""
    register(
        "blend",
        options=TextOptions,
        factory=Blend,
        summary="Every frame reads its own mixture of the states' embeddings (the paper's).",
    )
