"""Test kits for plugin authors: what the core is tested with, for parts of others."""
