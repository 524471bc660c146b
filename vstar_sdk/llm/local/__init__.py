"""A chat model on this machine. All modules but the options import torch; nothing loads them before a run asks."""
