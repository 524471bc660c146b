"""Models whose frames have no text of their own: why, and what is left. No torch."""

from __future__ import annotations

REASON = "its text and its frames share one attention, so all frames of a video read the same text"
REMEDY = "write one state; regularizers work as on any model. Several states would need Prompt Relay, which is not supported yet"
