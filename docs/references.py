"""Writes the reference pages from the code: ``python -m docs.references``. A test keeps them fresh."""

from __future__ import annotations

from pathlib import Path

from docs import cli_reference, python_reference, spec_reference

PAGES = Path(__file__).parent / "reference"
WRITERS = {"spec.md": spec_reference.page, "cli.md": cli_reference.page, "python.md": python_reference.page}


def main() -> None:
    """Write every page."""
    for name, page in WRITERS.items():
        (PAGES / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
