"""Measurements of attention and of clips."""
