"""What nursing does on the embedded model: ``python -m benchmarks.nursing`` measures, with ``report`` it writes the tables."""
