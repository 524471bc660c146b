"""What a text part promises. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.synopses import Synopsis


@dataclass(frozen=True)
class FrameText:
    """What the frames of a clip read.

    Attributes:
        embeddings: ``(latent frames, tokens, dim)``; with a bias those of the key states, ``(states, tokens, dim)``.
        bias: ``(latent frames, states)``: what is added to the logits of a frame's tokens with the text of a state. Entries are
            finite or ``-inf`` (not read), but never in a whole row. None where every frame has its own embedding.
    """

    embeddings: Tensor
    bias: Tensor | None = None


class Text(Protocol):
    """What a text part's factory returns: how key states reach the frames. Its options derive from `vstar_sdk.TextOptions`."""

    @property
    def reads(self) -> str:
        """What its frames read, known before a model is loaded.

        ``frames``: every frame an embedding of its own. ``states``: all frames the tokens of all key states, each with a bias of
        its own; such a part may give an embedding for every frame all the same, where all states are alike, say.
        """
        ...

    def text(self, synopsis: Synopsis, embeddings: Tensor, clock: Clock) -> FrameText:
        """The text of a clip.

        Args:
            synopsis: the key states, in story order.
            embeddings: of their prompts, ``(states, tokens, dim)``. Change nothing in place.
            clock: the time of the clip: which pixel frames each latent frame stands for, and when.

        Returns:
            Embeddings of the same tokens, channels, type and device; a bias on any device.

        Raises:
            SpecError: the states do not fit; the path is relative to the synopsis, ``("states", index, "at")``.
        """
        ...
