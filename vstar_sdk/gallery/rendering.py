"""Pages of one file each: what all of them look like, and how their templates are filled in."""

from __future__ import annotations

from pathlib import Path

import jinja2


def render(template: Path, **values: object) -> str:
    """Fill in the template of a page.

    Args:
        template: its file; it may include files beside it, and those of this room, such as ``look.css``.
        values: that it names.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)
