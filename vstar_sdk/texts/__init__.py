"""How key states reach the frames of a clip."""
