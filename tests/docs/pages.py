"""The code blocks of every page: README, the documentation, and what stands beside plugins and training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/README.md", "training/*.md")
    for path in sorted(ROOT.glob(pattern))
]
DIRECTIVES = re.compile(r"\{(toctree|include|eval-rst)\}")
"""Blocks that are of Sphinx."""


class Block(NamedTuple):
    """One block of code."""

    page: str
    line: int
    language: str
    text: str
    unrun: str
    """Why no test runs it; "" where one does."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """All blocks in some languages that are not marked as not run."""
    return [block for block in BLOCKS if block.language in languages and not block.unrun]


def _blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    form = re.compile(r"(?:<!-- not run: ([^\n]+) -->\n)?^( *)```([^\n`]*)\n(.*?)^\2```$", re.DOTALL | re.MULTILINE)
    return [
        Block(
            page,
            text.count("\n", 0, found.start(3)) + 1,
            found[3],
            re.sub(f"^{found[2]}", "", found[4], flags=re.M),
            found[1] or "",
        )
        for found in form.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in _blocks(page) if not DIRECTIVES.match(block.language)]
