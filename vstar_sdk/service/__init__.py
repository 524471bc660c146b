"""The HTTP service: the videos API of OpenAI and whole specs, a queue that survives a restart, events (extra ``server``)."""
