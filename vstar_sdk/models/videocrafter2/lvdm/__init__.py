"""Checkpoints in the layout of latent video diffusion models (VideoCrafter2's): recognised, read and converted."""
