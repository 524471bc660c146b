"""The boundary: every call from the core into code of a plugin, and what becomes of its faults."""
