"""Every block of code of every page is run, validated or compared by some test, or says why not."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tomllib

import click
import numpy as np
import pytest

from tests.docs.pages import BLOCKS, ROOT, blocks
from vstar_sdk import load_spec
from vstar_sdk.cli.main import COMMANDS, cli
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse
from vstar_sdk.templating import templates
from vstar_sdk.templating.linting import lint

ELSEWHERE = {
    "docs/attach.md": "attaching/test_document.py",
    "docs/hooks.md": "plugin/test_document.py",
    "docs/llm-backends.md": "llm/test_llm_backends_document.py",
    "docs/plugins/": "plugin/test_kind_pages.py",
    "docs/plugins/testing.md": "plugins/test_kit_document.py",
    "docs/python.md": "runs/test_document.py",
    "docs/security.md": "security/test_document.py",
    "docs/service.md": "service/test_document.py",
    "docs/pictures.md": "runs/test_beginning.py",
    "docs/stories.md": "runs/test_reworking.py",
    "docs/sweeps.md": "sweeps/test_document.py",
    "docs/tutorial.md": "docs/test_tutorial.py",
    "docs/troubleshooting.md": "docs/test_tutorial.py",
    "docs/reference/cli.md": "docs/test_references.py",
}
"""Pages whose Python and output are run and compared by the test of their room, which brings pipelines, servers or plugins."""


def here(found):
    return [block for block in found if not block.page.startswith(tuple(ELSEWHERE))]


def test_every_block_has_a_language_that_some_test_reads():
    assert [str(block) for block in BLOCKS if block.language not in ("yaml", "python", "sh", "toml", "jinja", "text")] == []


def test_a_page_that_is_tested_in_a_room_is_named_there():
    for page, test in ELSEWHERE.items():
        source = (ROOT / "tests" / test).read_text(encoding="utf-8")
        assert page.rstrip("/").rpartition("/")[2].removesuffix(".md") in source or "references" in test, page


def test_no_more_blocks_than_these_are_not_run():
    unrun = {block.page for block in BLOCKS if block.unrun}
    known = {"docs/tutorial.md", "docs/llm-backends.md", "docs/metrics.md", "plugins/vstar-otio/README.md"}
    assert unrun <= known | {"docs/cosmos.md", "docs/memory-and-speed.md", "docs/minimax-h3.md"}


WHOLE = {"prompt": "a landscape from winter to autumn", "frames": 17}


YAML_ELSEWHERE = (
    "docs/longvideo.md",
    "docs/pictures.md",
    "docs/stories.md",
    "docs/sweeps.md",
    "plugins/vstar-ray/README.md",
    "plugins/vstar-otio/README.md",
    "plugins/vstar-slurm/README.md",
)
"""Pages whose specs their own tests read: they need a plugin, a finished run, or are of many runs."""


def alone(block):
    """Whether a spec needs no plugin."""
    return not re.search(r"acme/|use: keeper", block.text) and block.page not in YAML_ELSEWHERE


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if alone(block)], ids=str)
def test_yaml_is_a_spec_or_a_part_of_one(block):
    """What is not a whole spec is made one; with weights at hand it is planned, too."""
    data = parse(block.text).data
    written = data.get("synopsis", {}).get("states") if isinstance(data.get("synopsis"), dict) else None
    loaded = load_spec(data if "prompt" in data or isinstance(written, list) else WHOLE | data)
    if loaded.spec.model.part == "miniworld":
        make_plan(loaded)


# attaching/test_document.py runs those with a pipeline, of all pages.
@pytest.mark.parametrize("block", [block for block in here(blocks("python")) if "attach(pipe" not in block.text], ids=str)
def test_python_runs(block, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "models" / "stranger")
    names = {"frames": np.zeros((4, 64, 64, 3), np.uint8), "__name__": "shown"}
    quick = block.text.replace('"seed": 1}', '"seed": 1, "sampling": {"steps": 2}}')
    exec(compile(quick, str(block), "exec"), names)  # noqa: S102
    for name, thing in names.items():
        if name.startswith("test_"):
            thing()
    for module in [name for name in sys.modules if name.partition(".")[0] == "vstar_oak"]:
        del sys.modules[module]


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_read(block):
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", blocks("jinja"), ids=str)
def test_a_template_has_no_fault(block, tmp_path):
    (name,) = re.findall(r"^name: (\w+)", block.text, re.MULTILINE)
    (tmp_path / f"{name}.jinja").write_text(block.text)
    assert lint(templates.load(f"./{name}.jinja", folder=tmp_path)) == []


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_commands_and_their_options_exist(block):
    """What docs/tutorial.md shows is run by its own test; here every word of a command line is known."""
    for line in block.text.replace("\\\n", " ").splitlines():
        line = re.sub(r"^([A-Z_]+=\S+ )+", "", line.partition(" > ")[0])
        program, *words = shlex.split(line, comments=True) or [""]
        CHECKS[program](words)


def check_vstar(words):
    command, name = cli, "vstar"
    while isinstance(command, click.Group):
        name = words.pop(0)
        command = command.get_command(click.Context(command, help_option_names=["-h", "--help"]), name)
        assert command is not None, name
    context = click.Context(
        command, info_name=name, help_option_names=["-h", "--help"]
    )  # as in every call: click keeps the first
    command.make_parser(context).parse_args(list(words))
    for word in words:
        assert not word.startswith("specs/") or (ROOT / word).is_file(), word


def check_make(words):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {*words} <= {*targets}


def check_python(words):
    if words[0] == "-c":
        compile(words[1], "shown", "exec")
    else:
        assert words[0] == "-m"
        assert importlib.util.find_spec(words[1]) is not None, words[1]


def check_pip(words):
    assert words[0] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra in re.findall(r"vstar-sdk\[(.*?)\]", " ".join(words)):
        assert {*extra.split(",")} <= {*extras}


CHECKS = {
    "vstar": check_vstar,
    "make": check_make,
    "python": check_python,
    "pip": check_pip,
    **dict.fromkeys(("", "pytest", "source", "export", "git", "hf", "eval"), lambda words: None),
}


@pytest.mark.parametrize("block", here(blocks("text")), ids=str)
def test_output_is_what_the_command_prints(block):
    from click.testing import CliRunner

    done = CliRunner().invoke(cli, ["plan", "a landscape from winter to autumn", "--frames", "64"])
    for line in block.text.splitlines():
        if line and not re.match(r"  (process|time)  ", line):  # of this machine
            assert line in done.output


def test_every_command_is_in_some_page():
    shown = " ".join(block.text for block in BLOCKS if block.page != "docs/reference/cli.md")
    assert [name for name in COMMANDS if f"vstar {name}" not in shown and name not in ("parts", "open", "doctor", "models")] == []
