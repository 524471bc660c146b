"""Finishers: from frames to frames, of another size, number or rate; one a file."""
