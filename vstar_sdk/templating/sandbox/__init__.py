"""Where templates are checked and filled in: a small part of Jinja, bounded in everything, in a process of its own if need be.

Nothing here imports more than Jinja and the standard library: the child process starts in the blink of an eye.
"""
