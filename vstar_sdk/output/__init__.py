"""Exporters, one file each, found by scanning this package; and `writing`, which lets their artifacts appear whole."""
