"""``miniworld-upscale``: pictures of the embedded world, twice as wide and as high, by a network that has learned its edges."""
