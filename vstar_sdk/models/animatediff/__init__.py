"""AnimateDiff: an image network with motion modules."""
