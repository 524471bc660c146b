"""A chat model on this machine. The only modules of this room that import torch; nothing loads them before a run asks."""
