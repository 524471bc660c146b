"""Sampling: the loop from noise to latents, its noise, and its schedulers."""
