"""Nursing a diffusers pipeline that somebody else made and calls."""
