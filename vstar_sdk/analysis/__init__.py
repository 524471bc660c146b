"""What temporal attention does: recorded maps of generated and of real clips, their numbers, pictures and pages."""
