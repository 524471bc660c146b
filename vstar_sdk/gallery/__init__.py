"""Runs side by side: one page, one picture."""
