"""Runs: session, job, plan, run directory, manifest."""
