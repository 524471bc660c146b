"""Reading YAML and JSON strictly: specs and the front matter of templates by the same rules."""
