"""Imports that never come back: what an installed plugin brings is imported in a child process before it is imported here."""
