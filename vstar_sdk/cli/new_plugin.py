"""``vstar new plugin``: a distribution that installs, passes its own tests, and waits for its author's lines."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstar_sdk.cli.plugin_names import check_contents, check_names
from vstar_sdk.cli.scaffolding import Sections, environment, import_lines, sections
from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import whole_folder
from vstar_sdk.plugin import specs
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.reading.escapes import printable

WORDS = {kind.word.removesuffix(" part").split()[-1]: kind.name for kind in KINDS.values()} | {"template": "templates"}
"""What a plugin can be begun with: the kinds, and templates, by the names of the command's options."""

_REGISTER = {"register_templates": "RegisterTemplate", "register_families": "RegisterFamily"}
"""What hooks are given, where it is not `Register`."""


@dataclass(frozen=True)
class Part:
    """One part to write.

    Attributes:
        word: its kind, as in `WORDS`.
        name: as specs name it, without the namespace.
        namespace: of the plugin.
    """

    word: str
    name: str
    namespace: str

    @property
    def full(self) -> str:
        """Its name in specs."""
        return f"{self.namespace}/{self.name}"

    @property
    def kind(self) -> str:
        """Its kind, in the plural."""
        return WORDS[self.word]

    @property
    def module(self) -> str:
        """Name of its module."""
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        """Name of its class."""
        return "".join(piece.capitalize() for piece in self.name.split("-"))


def write_plugin(folder: Path, namespace: str, names: Sequence[tuple[str, str]]) -> None:
    """Write a distribution ``vstar-NAMESPACE``.

    Args:
        folder: to make; it must not exist.
        namespace: of the plugin.
        names: at least one part, each as a word of `WORDS` and a name; no two with the same name.

    Raises:
        SpecError: a name that cannot be one, or two that clash.
        OutputError: the folder exists, or cannot be written.
    """
    check_names(namespace, [name for _, name in names])
    files = list(_files(namespace, [Part(word, name, namespace) for word, name in names]))
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


def _files(namespace: str, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    """Every file's path and content."""
    package = f"vstar_{namespace.replace('-', '_')}"
    common = {"namespace": namespace, "package": package, "env": f"{namespace.replace('-', '_').upper()}_API_KEY"}
    written = {part: sections(part.kind, {**common, "part": part}) for part in parts}
    hooks = _hooks(package, written)
    names = {"hookimpl", *(str(hook["register"]) for hook in hooks)}
    about = [_about(part, section) for part, section in written.items()]
    values = {
        **common,
        "version": ".".join(importlib.metadata.version("vstar-sdk").split(".")[:2]),
        "hook_api": specs.HOOK_API,
        "summary": ", ".join(f"{part.word} {part.name}" for part in parts),
        "parts": about,
        "hooks": hooks,
        "imports": import_lines([{"vstar_sdk": frozenset(names)}, *(section.imports for section in written.values())]),
    }

    def rendered(template: str) -> str:
        return environment().get_template(f"package/{template}.jinja").render(values)

    yield "pyproject.toml", rendered("pyproject.toml")
    yield "README.md", rendered("README.md")
    yield f"{package}/__init__.py", rendered("__init__.py")
    yield f"{package}/py.typed", ""
    yield f"tests/test_{package}.py", rendered("tests.py")
    for section in written.values():
        yield from section.files.items()


def _about(part: Part, section: Sections) -> dict[str, str]:
    """What the templates of the package are told of a part."""
    code, *_, test = section.files
    return {
        "word": part.word,
        "full": part.full,
        "summary": section.summary,
        "entry": section.entry,
        "story": section.story,
        "code": code,
        "test": test,
    }


def _hooks(package: str, written: dict[Part, Sections]) -> list[dict[str, str]]:
    """The hooks of the entry module, each once, with its call for every part."""
    calls: dict[str, list[str]] = {}
    for part, section in written.items():
        usual = {f"register_{part.kind}": _call(package, part, section)} if part.kind in KINDS else {}
        for hook, lines in {**usual, **section.hooks}.items():
            calls.setdefault(hook, []).append(lines)
    return [
        {
            "name": hook,
            "register": _REGISTER.get(hook, "Register"),
            "summary": (inspect.getdoc(getattr(specs, hook)) or "").splitlines()[0],
            "calls": "\n".join(f"    {line}" for lines in several for line in lines.splitlines()),
        }
        for hook, several in calls.items()
    ]


def _call(package: str, part: Part, section: Sections) -> str:
    """How a part is offered."""
    return (
        f'register(\n    "{part.name}",\n    options={part.cls}Options,\n'
        f'    factory="{package}.{part.module}:{part.cls}",\n    summary="{section.summary}",\n)'
    )
