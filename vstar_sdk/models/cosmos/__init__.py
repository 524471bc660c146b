"""Cosmos Predict 2.5, for pipelines that are held."""
