"""The stages of a run, one a file: synopsis, load, encode, sample, decode."""
