"""Plugins on the path as pip leaves them: a module and a dist-info with entry points."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Packages:
    """A folder of installed distributions."""

    folder: Path

    def add(self, namespace=None, source="", distribution=None, *, version="1.2", commands=(), points=None):
        """Install a distribution with one module.

        Args:
            namespace: of its plugin; None for a package without one.
            source: of the module.
            distribution: its name; ``vstar-NAMESPACE`` unless given.
            version: its version.
            commands: names; each is the attribute ``command`` of the module.
            points: the text of entry_points.txt, in the place of that made of the others.
        """
        distribution = distribution or f"vstar-{namespace}"
        module = f"{distribution.replace('-', '_')}_module"
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        sys.modules.pop(module, None)
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"[vstar_sdk]\n{namespace} = {module}\n"] if namespace else []
        lines += ["[vstar_sdk.commands]", *(f"{name} = {module}:command" for name in commands)] if commands else []
        (info / "entry_points.txt").write_text("\n".join(lines) if points is None else points)

    def vstar(self, *arguments, cwd=None, **environment):
        """Run the command ``vstar`` with these packages installed."""
        path = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-m", "vstar_sdk.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **environment},
            timeout=120,
        )


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """An empty folder of packages, on the path of this process too; no variable switches plugins off.

    Imports are not tried in child processes: that takes a second for ten plugins, and has tests of its own.
    """
    monkeypatch.setenv("VSTAR_PROBE_SECONDS", "0")
    for name in ("VSTAR_PLUGINS", "VSTAR_DISABLE_PLUGINS", "VSTAR_PLUGINS_STRICT"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return Packages(folder)


@pytest.fixture(scope="session")
def session():
    """One session for all tests: the embedded model is loaded once."""
    from vstar_sdk import Session

    with Session() as session:
        yield session
