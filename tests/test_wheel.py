"""The built wheel is whole: templates, weights and the command's modules are in it, and it needs nothing of the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from vstar_sdk.templating import templates

ROOT = Path(__file__).parents[1]

PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:]
import vstar_sdk
from vstar_sdk.templating import templates
from vstar_sdk.templating.rendering import render
values = {"prompt": "a kite", "style": "", "states": 4, "frames": 64, "fps": 8.0, "seconds": 8.0}
path = templates.built_in()["key-states"]
print(json.dumps({
    "home": vstar_sdk.__file__,
    "templates": {name: str(path) for name, path in templates.built_in().items()},
    "system": render(templates.load("key-states"), values).system,
    "in a process": render(templates.load(str(path)), values).system,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel's content in a folder. Built without network, from the checkout as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("vstar_sdk-*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def test_it_carries_every_template(wheel):
    carried = {path.stem: path.read_bytes() for path in (wheel / "vstar_sdk" / "templates").iterdir()}
    assert carried == {name: path.read_bytes() for name, path in templates.built_in().items()}


def test_it_carries_every_file_of_the_package(wheel):
    there = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    package = ROOT / "vstar_sdk"
    wanted = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in wanted} <= there


def test_it_finds_and_fills_in_its_templates_without_the_checkout(wheel, tmp_path):
    """``-I -S``: neither the working directory nor the editable install can help; other packages come from where they are."""
    others = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(wheel), *others]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["home"] == str(wheel / "vstar_sdk" / "__init__.py")
    assert told["templates"] == {name: str(wheel / "vstar_sdk" / "templates" / f"{name}.jinja") for name in templates.built_in()}
    assert told["system"] == told["in a process"]
    assert "exactly 4 captions" in told["system"]


def test_the_editable_install_finds_those_of_the_checkout():
    assert {path.parent for path in templates.built_in().values()} == {ROOT / "templates"}
