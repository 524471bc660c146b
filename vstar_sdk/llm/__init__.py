"""Language models: over HTTP, and on this machine."""
