"""The video synopsis: a story as a few key states, each one caption (VSTAR, section "video synopsis prompting")."""

from __future__ import annotations

from dataclasses import dataclass

from vstar_sdk.moments import Span


@dataclass(frozen=True, slots=True)
class State:
    """One key state of the story.

    Attributes:
        caption: what is to be seen, one short declarative sentence.
        at: its anchor, the moment at which it is fully there; None lets the timeline space it evenly.
    """

    caption: str
    at: Span | None = None


@dataclass(frozen=True, slots=True)
class Synopsis:
    """Key states in story order.

    Attributes:
        states: at least one.
        style: words repeated word for word at the end of every caption, or "".
        negative_prompt: shared by all frames; None leaves it to the spec, then to the model.
        transcript: what was said to and by a language model to get here, one mapping an exchange; empty when none was asked.
        warnings: what its writer has to tell the user.
    """

    states: tuple[State, ...]
    style: str = ""
    negative_prompt: str | None = None
    transcript: tuple[dict[str, object], ...] = ()
    warnings: tuple[str, ...] = ()

    def prompts(self) -> tuple[str, ...]:
        """The text that each state is encoded from: its caption, then the style."""
        if not self.style:
            return tuple(state.caption for state in self.states)
        return tuple(f"{state.caption.rstrip(' .')}, {self.style}" for state in self.states)
