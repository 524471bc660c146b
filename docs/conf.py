"""The site: ``make docs`` builds it from the pages of this folder, without network, into ``build/docs``."""

from __future__ import annotations

import os
import posixpath
import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

HERE = Path(__file__).parent

project = "vstar_sdk"
author = "The vstar_sdk contributors"
copyright = author
release = version = installed("vstar-sdk")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["images"]

# The pages are read on GitHub too: plain Markdown, whose headings have the anchors that GitHub gives them.
myst_heading_anchors = 4
myst_links_external_new_tab = True

# What stands in single backticks in a docstring is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
SECTIONS: Any = Config(napoleon_use_ivar=True)
autodoc_default_options = {"exclude-members": "model_config"}

# Pages that stand elsewhere in the repository, where GitHub shows them: the site has them under these names.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "plugins/comfyui-vstar/README.md": "plugins/comfyui-vstar.md",
    "plugins/vstar-openai/README.md": "plugins/vstar-openai.md",
    "plugins/vstar-otio/README.md": "plugins/vstar-otio.md",
    "plugins/vstar-ray/README.md": "plugins/vstar-ray.md",
    "plugins/vstar-slurm/README.md": "plugins/vstar-slurm.md",
    "vstar_sdk/miniworld/joint/weights/README.md": "project/miniworld-dit-card.md",
    "vstar_sdk/miniworld/upscaling/weights/README.md": "project/miniworld-upscale-card.md",
    "vstar_sdk/miniworld/weights/README.md": "project/miniworld-card.md",
}

html_theme = "furo"
html_title = f"vstar_sdk {release}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True


def _led(page: str, text: str) -> str:
    """A page's text, its links out of the documentation led to the site's own copies of those pages.

    Args:
        page: its path in the repository.
        text: Markdown.
    """
    here = posixpath.dirname(page)

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, found[1]))
        return f"]({os.path.relpath(f'docs/{ELSEWHERE[path]}', here)})" if path in ELSEWHERE else found[0]

    return re.sub(r"\]\(((?:\.\./|[A-Z])[^)#]+)\)", target, text)


def _read(_: Any, page: str, content: list[str]) -> None:
    content[0] = _led(f"docs/{page}", content[0])


def _included(_: Any, path: Path, __: str, content: list[str]) -> None:
    content[0] = _led((HERE / path).resolve().relative_to(HERE.parent).as_posix(), content[0])


def _google(_: Any, what: Any, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Read Google's sections (``Args:``, ``Returns:``). In a field's docstring the first colon is no mark of a type."""
    what = "method" if what in ("attribute", "data", "property") else what
    lines[:] = GoogleDocstring(lines, SECTIONS, what=what, name=name, obj=thing, options=options).lines()


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("include-read", _included)
    app.connect("autodoc-process-docstring", _google)
