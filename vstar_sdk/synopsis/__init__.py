"""From a prompt to key states: synopsis writers, templates and language models."""
