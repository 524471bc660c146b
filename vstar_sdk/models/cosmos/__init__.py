"""Cosmos Predict 2.5."""
