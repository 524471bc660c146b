"""Metrics: numbers of a clip, measured while its frames pass by; one a file."""
