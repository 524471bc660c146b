"""Models whose frames have no text of their own: why, and what is left. No torch."""

from __future__ import annotations

REASON = "its text and its frames share one attention, so that all frames of a video read one text"
REMEDY = (
    "give it one state; regularizers act as on any model. Prompt Relay, the text part for models with such an attention, is not "
    "built yet"
)
