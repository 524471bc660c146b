"""What a text part gives for a clip, once it is sure that the part keeps its word. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.errors import PluginError
from vstar_sdk.texts.contract import FrameText, Text

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.synopses import Synopsis


def read_text(part: Text, name: str, synopsis: Synopsis, embeddings: Tensor, clock: Clock) -> FrameText:
    """The text of a clip.

    Args:
        part: gives it.
        name: the part's.
        synopsis: the key states.
        embeddings: of their prompts, ``(states, tokens, dim)``.
        clock: of the clip.

    Raises:
        SpecError: the states do not fit.
        PluginError: the part gives a bias, and had said that every frame reads an embedding of its own.
    """
    given = part.text(synopsis, embeddings, clock)
    if given.bias is not None and part.reads != "states":
        raise PluginError(
            f"text part {name!r} gave a bias, but its frames read {part.reads}", hint="have it say: reads = 'states'"
        )
    return given
