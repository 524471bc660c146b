"""What families of diffusers' networks share."""
