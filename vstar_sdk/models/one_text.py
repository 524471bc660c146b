"""Models whose frames have no text of their own: why, and what is left. No torch."""

from __future__ import annotations

REASON = "its text and its frames share one attention, so all frames of a video read the same text"
REMEDY = (
    "have its frames read the text of all states, each most of all its own (Prompt Relay): timeline: {use: relay}; or give it "
    "one state"
)
NO_STATES = "use the text part blend (timeline: {use: blend}), which gives every frame a mixture of the states' embeddings"
