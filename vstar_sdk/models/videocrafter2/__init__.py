"""VideoCrafter2, the paper's model."""
