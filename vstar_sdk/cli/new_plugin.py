"""``vstar new plugin``: a distribution that installs, passes its own tests, and waits for its author's lines."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstar_sdk.cli.plugin_names import check_contents, check_names
from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import whole_folder
from vstar_sdk.reading.escapes import printable

SCAFFOLD = Path(__file__).parent / "scaffold"
"""The templates of the files, in Jinja with square brackets, so that they read as the Python that they become."""

_LINE = 88
"""Characters of the longest import that stays on one line."""


@dataclass(frozen=True)
class Word:
    """A kind of part as an option of the command.

    Attributes:
        hook: that offers it.
        imports: public names that the plugin's module needs for it.
        files: templates, and what their names end in.
        summary: of the part that is written.
        example: a line of a spec that uses all parts of the kind (``USES``), or one of them (``USE``); "" for none.
        use: how a spec uses one, with ``NAME`` in the place of its name.
    """

    hook: str
    imports: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    summary: str
    example: str = ""
    use: str = "{use: NAME}"


WORDS = {
    "regularizer": Word(
        "register_regularizers",
        ("Register", "RegularizerOptions", "hookimpl"),
        (("regularizer.py.jinja", ".py"),),
        "Far frames weigh less, linearly in their distance.",
        "regularizers: [USES]",
        "{use: NAME, slope: 0.2}",
    ),
    "exporter": Word(
        "register_exporters",
        ("ArtifactOptions", "Register", "hookimpl"),
        (("exporter.py.jinja", ".py"),),
        "The brightness of every frame, as CSV.",
        "output: [{use: mp4}, USES]",
    ),
    "synopsis": Word(
        "register_synopses",
        ("Options", "Register", "hookimpl"),
        (("synopsis.py.jinja", ".py"),),
        "The prompt at three times of the day.",
        "synopsis: USE",
    ),
    "backend": Word(
        "register_llm_backends",
        ("Options", "Register", "hookimpl"),
        (("backend.py.jinja", ".py"),),
        "A language model that is asked over HTTP.",
    ),
    "template": Word("register_templates", ("RegisterTemplate", "hookimpl"), (("template.jinja.jinja", ".jinja"),), ""),
    "model": Word(
        "register_models",
        ("ModelOptions", "Register", "RegisterFamily", "hookimpl"),
        (("model.py.jinja", ".py"), ("model_network.py.jinja", "_network.py")),
        "A small random transformer.",
        "model: USE",
    ),
}
"""What a plugin can be begun with."""

_TESTED = {"backend": ("BackendError", "Message", "Options", "Request", "Resolver"), "synopsis": ("Brief",)}


@dataclass(frozen=True)
class Part:
    """One part to write.

    Attributes:
        word: its kind, as in `WORDS`.
        name: as specs name it, without the namespace.
    """

    word: str
    name: str

    @property
    def module(self) -> str:
        """Name of its module."""
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        """Name of its class."""
        return "".join(piece.capitalize() for piece in self.name.split("-"))

    @property
    def hook(self) -> str:
        """The hook that offers it."""
        return WORDS[self.word].hook

    @property
    def summary(self) -> str:
        """One line about it."""
        return WORDS[self.word].summary


def write_plugin(folder: Path, namespace: str, parts: list[Part]) -> None:
    """Write a distribution ``vstar-NAMESPACE``.

    Args:
        folder: to make; it must not exist.
        namespace: of the plugin.
        parts: at least one, no two with the same name.

    Raises:
        SpecError: a name that cannot be one, or two that clash.
        OutputError: the folder exists, or cannot be written.
    """
    check_names(namespace, [part.name for part in parts])
    files = list(_files(namespace, parts))
    check_contents(files)
    try:
        with whole_folder(folder) as draft:
            for name, content in files:
                path = draft / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")
    except FileExistsError:
        raise OutputError(f"{printable(str(folder))} exists already", hint="choose another folder with --out") from None
    except OSError as error:
        raise OutputError(f"{printable(str(folder))} cannot be written: {error.strerror}") from None


def _import(names: set[str]) -> str:
    """A line, or several, that imports public names."""
    line = f"from vstar_sdk import {', '.join(sorted(names))}"
    if len(line) <= _LINE:
        return line
    return "\n".join(["from vstar_sdk import (", *(f"    {name}," for name in sorted(names)), ")"])


def _files(namespace: str, parts: list[Part]) -> Iterator[tuple[str, str]]:
    """Every file's path and content."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  (Python, not HTML)
        loader=FileSystemLoader(SCAFFOLD),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    package = f"vstar_{namespace.replace('-', '_')}"
    words = {part.word: [other for other in parts if other.word == part.word] for part in parts}
    imports = {name for word in words for name in WORDS[word].imports}
    common = {
        "namespace": namespace,
        "package": package,
        "version": ".".join(importlib.metadata.version("vstar-sdk").split(".")[:2]),
        "parts": parts,
        "words": words,
        "imports": _import(imports),
        "test_imports": _import({name for word in words for name in _TESTED.get(word, ())}),
        "env": f"{namespace.replace('-', '_').upper()}_API_KEY",
        "summary": ", ".join(f"{part.word} {part.name}" for part in parts),
        "examples": list(_examples(namespace, words)),
    }

    def rendered(template: str, **more: object) -> str:
        return environment.get_template(template).render(**common, **more)

    yield "pyproject.toml", rendered("pyproject.toml.jinja")
    yield "README.md", rendered("README.md.jinja")
    yield f"{package}/__init__.py", rendered("__init__.py.jinja")
    yield f"{package}/py.typed", ""
    for part in parts:
        for template, ending in WORDS[part.word].files:
            stem = part.module if ending.endswith(".py") else part.name  # a template is called as it calls itself
            yield f"{package}/{stem}{ending}", rendered(template, part=part)
    yield f"tests/test_{package.removeprefix('vstar_')}.py", rendered("tests.py.jinja")


def _examples(namespace: str, words: Mapping[str, Sequence[Part]]) -> Iterator[str]:
    """Lines of a spec: one for each kind of part that a spec names."""
    for word, parts in words.items():
        first, *others = (WORDS[word].use.replace("NAME", f"{namespace}/{part.name}") for part in parts)
        line = WORDS[word].example
        if "USES" in line:
            yield line.replace("USES", ", ".join([first, *others]))
        elif line:
            yield line.replace("USE", first) + (f"  # or {', or '.join(others)}" if others else "")
