"""A check for text parts: small stories on clips of several kinds, twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.texts import CONTRACT
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.texts.reading import read_text

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.texts.contract import FrameText, Text

CLOCKS = (Clock(16, 8.0), Clock(5, 8.0), Clock(81, 16.0, Rhythm.causal(4)), Clock(33, 24.0, Rhythm.causal(8)))
"""Clips of models that take every frame by itself, and of models that compress time."""


def check_text(part: Text) -> None:
    """Bring stories of one to four states to clips, as a run does.

    Args:
        part: what the text part's factory returns.

    Raises:
        PluginError: it gives something else than embeddings of the shape that was asked for, or a bias that hides all states of a
            frame or that it had not said it would give.
        AssertionError: it changes the embeddings that it is given, gives others when it is asked again, or the one state of a
            story does not reach all frames as it is.
    """
    import torch

    contained: Any = Call(Origin("the text part under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), part
    )
    assert contained.reads
    generator = torch.Generator().manual_seed(0)
    for clock in CLOCKS:
        for states in range(1, 5):
            where = f"{states} states on {clock.frames} frames"
            story = Synopsis(tuple(State(f"state {number}") for number in range(states)))
            embeddings = torch.randn(states, 7, 6, generator=generator)
            before = embeddings.clone()
            given = read_text(contained, "under test", story, embeddings, clock)
            again = read_text(contained, "under test", story, embeddings, clock)
            assert torch.equal(embeddings, before), f"{where}: it changes the embeddings that it is given"
            assert _equal(given, again), f"{where}: asked again, it gives another text"
            if states == 1:
                seen: Any = given.embeddings if given.bias is None else given.embeddings[:1]
                assert torch.equal(seen, embeddings[:1].expand_as(seen)), f"{where}: the frames read another text than its own"


def _equal(one: FrameText, other: FrameText) -> bool:
    import torch

    def same(a: Tensor | None, b: Tensor | None) -> bool:
        return (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))

    return same(one.embeddings, other.embeddings) and same(one.bias, other.bias)
