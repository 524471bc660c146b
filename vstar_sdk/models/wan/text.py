"""The text of Wan."""

TOKENS = 512
"""Text tokens that the denoiser reads: what is longer is cut, what is shorter ends in zeros."""
