"""``example/postcards``, a template: the synopsis as postcards from one place. Its words are in postcards.jinja."""

from __future__ import annotations

from pathlib import Path

from vstar_sdk import RegisterTemplate, hookimpl


@hookimpl
def register_templates(register: RegisterTemplate) -> None:
    """Offer ``example/postcards``."""
    register("postcards", Path(__file__).with_name("postcards.jinja"))
