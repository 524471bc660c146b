"""Regularizers: small objects that say what is to be done to temporal attention. One file a regularizer, found by scanning."""
