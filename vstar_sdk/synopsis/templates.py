"""Synopsis templates: what a language model is told. Here they are found and read; `vstar_sdk.synopsis.rendering` fills them in.

A template is a Jinja file with YAML front matter and two blocks::

    ---
    name: haiku
    version: 1
    summary: Key states in seventeen syllables.
    inputs: [prompt, states]
    ---
    {% block system %}You write ... exactly {{ states }} captions ...{% endblock %}
    {% block user %}The prompt: {{ prompt | tojson }}{% endblock %}

``inputs`` names the variables that it uses, out of `INPUTS`. The system block gets the numbers alone, never a word of the user's.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstar_sdk.errors import TemplateError

LARGEST = 64 * 1024
"""Bytes of the largest template that is read."""

INPUTS: Mapping[str, str] = {
    "prompt": "the user's prompt (user block only)",
    "style": "style words that are set already, or '' (user block only)",
    "states": "how many key states are wanted; none lets the model choose from 2 to 9",
    "frames": "frames of the clip",
    "fps": "frames a second",
    "seconds": "length of the clip",
}
"""Every variable that templates are given, and what it holds."""

_FENCE = "---"


class FrontMatter(BaseModel):
    """What a template says about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = Field(min_length=1, max_length=80)
    """Its name, without a namespace."""
    version: int = Field(ge=1)
    """Raised whenever its words change."""
    summary: str = Field(default="", max_length=200)
    """One line for listings."""
    inputs: tuple[str, ...] = ("prompt",)
    """The variables that it uses."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template as it was read.

    Attributes:
        name: what the spec calls it.
        path: its file.
        about: its front matter.
        source: its Jinja part, the lines of the front matter left empty so that line numbers hold.
        sha256: hash of the file, in hexadecimal.
    """

    name: str
    path: Path
    about: FrontMatter
    source: str
    sha256: str


def built_in() -> dict[str, Path]:
    """The package's own templates by name: carried inside the wheel, or beside the package in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    folders = (package / "templates", package.parent / "templates")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.jinja"))}


def find(name: str, *, folder: Path | None = None, registered: Mapping[str, Path] | None = None) -> Path:
    """The file that a spec's ``template:`` means.

    Args:
        name: a built-in name, ``namespace/name``, or a path, which begins with ``./`` or ``/`` or ends in ``.jinja``.
        folder: where relative paths begin; None means the working directory.
        registered: templates of plugins, by ``namespace/name``.

    Raises:
        TemplateError: no such template; the message names the nearest.
    """
    if name.startswith(("./", "/")) or name.endswith(".jinja"):
        path = (folder or Path()) / name
        if not path.is_file():
            raise TemplateError(f"there is no template file {path}", hint="relative paths begin at the folder of the spec file")
        return path
    known = {**built_in(), **(registered or {})}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
        guess = f" Did you mean '{near[0]}'?" if near else ""
        raise TemplateError(
            f"unknown template '{name}'.{guess} Known: {', '.join(sorted(known)) or 'none'}.",
            hint="a file is named by a path that begins with ./ or / or ends in .jinja",
        )
    return known[name]


def load(name: str, *, folder: Path | None = None, registered: Mapping[str, Path] | None = None) -> Template:
    """Find and read a template; the arguments are those of `find`.

    Raises:
        TemplateError: there is none, its file cannot be read, or its front matter is wrong.
    """
    path = find(name, folder=folder, registered=registered)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateError(f"template {name}: byte {error.start} of {path} is not text (UTF-8)") from None
    except OSError as error:
        raise TemplateError(f"template {name}: {path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise TemplateError(f"template {name}: {path} has more than {LARGEST // 1024} KB", hint="a template is a page of text")
    about, source = _split(text, name)
    return Template(name=name, path=path, about=about, source=source, sha256=hashlib.sha256(content).hexdigest())


def _split(text: str, name: str) -> tuple[FrontMatter, str]:
    """Front matter and Jinja part."""
    lines = text.splitlines()
    fences = [number for number, line in enumerate(lines) if line.rstrip() == _FENCE][:2]
    if len(fences) < 2 or fences[0] != 0:
        raise TemplateError(
            f"template {name}, line 1: no front matter",
            hint="begin the file with a line ---, then name:, version: and inputs:, then a line ---",
        )
    end = fences[1]
    return _front_matter("\n".join(lines[1:end]), name), "\n" * (end + 1) + "\n".join(lines[end + 1 :])


def _front_matter(text: str, name: str) -> FrontMatter:
    try:
        written = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise TemplateError(f"template {name}, line {line}: the front matter is no YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TemplateError(f"template {name}: the front matter is no YAML: {error}") from None
    try:
        about = FrontMatter.model_validate(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(item) for item in first["loc"]) or "front matter"
        raise TemplateError(f"template {name}, front matter, {key}: {first['msg']}") from None
    unknown = sorted(set(about.inputs) - set(INPUTS))
    if unknown:
        raise TemplateError(
            f"template {name}, front matter, inputs: there is no variable '{unknown[0]}'",
            hint=f"templates are given {', '.join(INPUTS)}",
        )
    return about
