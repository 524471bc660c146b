"""Weights: finding, naming, and loading them."""
