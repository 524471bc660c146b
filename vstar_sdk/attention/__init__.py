"""Temporal attention: the sites of a network, the operations on them, their compiled plan, and the nursing that attaches it."""
