"""Scores: any part of a run against another, on the embedded world, whose truth is known."""
