"""``relay``: all frames read the text of all key states, each most of all its own (Prompt Relay, arXiv 2604.10030). No torch.

The logits of a frame at ``f`` with the text of state ``s`` are lowered by::

    C[f, s] = relu(|f - m_s| - w_s)^2 / (2 sigma^2)        w_s = max(0, L_s / 2 - margin)

where the state rules ``L_s`` latent frames around the midpoint ``m_s``. The authors publish ``margin = 2`` and ``epsilon = 1e-3``
with two widths of the decay, of which their release uses the first:

- ``release``: ``sigma = 1 / ln(1 / epsilon) = 0.1448``, whatever the margin;
- ``boundary``: ``C = ln(1 / epsilon)`` at the ends of a state, ``L_s / 2`` from its midpoint: a weight there is ``epsilon`` times
  what it would be. ``sigma = (L_s / 2 - w_s) / sqrt(2 ln(1 / epsilon))``.

A row is moved so that its nearest state has nothing taken off. A softmax over the states' text alone does not see it; where other
tokens share the attention, the text keeps its share at the ends of a state, too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vstar_sdk import timeline
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.texts.contract import FrameText
from vstar_sdk.texts.options import TextOptions

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.synopses import Synopsis


class RelayOptions(TextOptions):
    """All frames read the text of all states, each most of all its own (Prompt Relay)."""

    epsilon: float = Field(default=1e-3, gt=0, lt=1, examples=[1e-3, 0.1])
    """How little of other states' text is left in the middle of a state: a weight is at most so many times what it would be.
    With the decay `release`, states shorter than `sqrt(2 / ln(1 / epsilon))` latent frames (0.54) keep more."""
    margin: float = Field(default=2.0, gt=0, le=1000)
    """How far inside the ends of a state its text begins to fade, in latent frames; at most half of the state."""
    decay: Literal["release", "boundary"] = "release"
    """``release``: as the authors' release has it, a sharp change (a width of 1 / ln(1 / epsilon), 0.14 of a latent frame).
    ``boundary``: as wide as the margin allows, with the factor epsilon reached at the ends of a state."""


class Relay:
    """A `vstar_sdk.Text`; see the module for the formula.

    Args:
        options: validated options.
    """

    reads = "states"

    def __init__(self, options: RelayOptions) -> None:
        self.options = options

    def text(self, synopsis: Synopsis, embeddings: Tensor, clock: Clock) -> FrameText:
        """See `vstar_sdk.Text.text`. States that are all alike are one text, as if nothing relayed it."""
        placed = timeline.build(synopsis.states, clock.frames, clock.fps, self.options.interpolation)
        if len({*synopsis.prompts()}) == 1:
            return FrameText(embeddings[:1].expand(clock.latents, -1, -1))
        import torch

        penalty = torch.tensor([self._penalties(clock, at, placed.spans()) for at in clock.positions], dtype=torch.float64)
        return FrameText(embeddings, penalty.amin(dim=1, keepdim=True) - penalty)

    def _penalties(self, clock: Clock, at: float, spans: tuple[tuple[int, int], ...]) -> list[float]:
        """``C`` of a latent frame for every state; positions are in units of the regular spacing (see `Clock`)."""
        regular = clock.rhythm.regular
        return [self._penalty(abs(at - (first + last) / 2 / regular), (last - first + 1) / regular) for first, last in spans]

    def _penalty(self, distance: float, length: float) -> float:
        """``C`` at a distance from the midpoint of a state of some length, both in latent frames."""
        nats, margin = math.log(1.0 / self.options.epsilon), min(self.options.margin, length / 2)
        beyond = max(0.0, distance - (length / 2 - margin))
        if self.options.decay == "release":
            return (beyond * nats) ** 2 / 2
        return (beyond / margin) ** 2 * nats


@hookimpl
def register_texts(register: Register) -> None:
    """Offer the text part."""
    register(
        "relay",
        options=RelayOptions,
        factory=Relay,
        summary="All frames read the text of all states, each most of all its own (Prompt Relay).",
    )
