"""Synopsis templates: the Jinja sandbox, front matter, and linting."""
