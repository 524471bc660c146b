"""Sweeps: one spec, many values, every combination a run directory of its own; an index, and executors that do the runs."""
