"""What each family of the world is called, and how its stages are told. Pure Python."""
