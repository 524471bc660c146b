"""The site: ``make docs`` builds it from the pages of this folder, without network, into ``build/docs``."""

from __future__ import annotations

import os
import posixpath
import re
from importlib.metadata import version as installed
from typing import Any

project = "vstar_sdk"
author = "The vstar_sdk contributors"
copyright = author
release = version = installed("vstar-sdk")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["images"]

# The pages are read on GitHub too: plain Markdown, whose headings have the anchors that GitHub gives them.
myst_heading_anchors = 4
myst_links_external_new_tab = True

# What stands in single backticks in a docstring is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
napoleon_use_ivar = True

# Pages that stand elsewhere in the repository, where GitHub shows them: the site has them under these names.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "plugins/vstar-openai/README.md": "plugins/vstar-openai.md",
    "vstar_sdk/miniworld/weights/README.md": "project/miniworld-card.md",
}

html_theme = "furo"
html_title = f"vstar_sdk {release}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True


def _links(_: Any, page: str, source: list[str]) -> None:
    """Lead links out of this folder to the site's own copies of those pages."""
    here = posixpath.dirname(f"docs/{page}")

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, found[1]))
        return f"]({os.path.relpath(f'docs/{ELSEWHERE[path]}', here)})" if path in ELSEWHERE else found[0]

    source[0] = re.sub(r"\]\((\.\./[^)#]+)\)", target, source[0])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _links)
