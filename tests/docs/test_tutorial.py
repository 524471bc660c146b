"""Every command of docs/tutorial.md and docs/troubleshooting.md is run, and prints what the page shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- not run: [^\n]+-->\n)?^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Reader:
    """Does what a page says, in the current folder, and compares what it shows.

    Runs take two steps in the place of the model's own, and `pip install` becomes an entry on the path. A quick reader only has
    runs checked (`--dry-run`), and does nothing that needs their files.
    """

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.quick = False
        self.refused: list[str] = []
        self.said = ""

    def follow(self, page):
        for unrun, language, text in BLOCK.findall(page):
            if language == "sh" and not unrun:
                self.said = "".join(self.do(line) for line in text.splitlines())
            elif language == "text" and self.said:
                for line in text.splitlines():
                    assert line in self.said
            elif found := re.match(r"# (\S+\.\w+)\n", text):
                Path(found[1]).write_text(text, encoding="utf-8")

    def do(self, line):
        command, _, file = line.partition(" > ")
        program, *words = shlex.split(command, comments=True)
        if program == "vstar":
            return self.vstar(words, file)
        if program == "pip":
            return self.install(Path(words[-1]))
        assert program == "pytest"
        if self.quick:
            return ""
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def vstar(self, words, file):
        more = ["--set", "sampling.steps=2", *(["--dry-run"] if self.quick else [])] if words[0] == "run" else []
        if self.quick and words[0] in ("show", "compare"):
            return ""
        done = CliRunner().invoke(cli, [*words, *more])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        if file:
            Path(file).write_text(done.stdout, encoding="utf-8")
        self.refused += [f"vstar {' '.join(words)}: {done.output}"] if done.exit_code else []
        return done.output

    def install(self, folder):
        info = folder / "vstar_acme-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vstar-acme\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text("[vstar_sdk]\nacme = vstar_acme\n")
        self.monkeypatch.syspath_prepend(folder.absolute())
        return ""


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "VSTAR_PLUGINS", "VSTAR_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VSTAR_PROBE_SECONDS", "0")
    forget()  # another test's package of that name
    yield Reader(monkeypatch)
    forget()


def forget():
    for module in [name for name in sys.modules if name.partition(".")[0] == "vstar_acme"]:
        del sys.modules[module]


def test_every_command_of_the_tutorial_is_right(reader):
    reader.quick = True
    reader.follow((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    assert reader.refused == []


@pytest.mark.slow
def test_the_tutorial_can_be_followed(reader):
    reader.follow((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    assert reader.refused == []
    for run in ("first", "plain", "edited", "pulse"):
        assert Path("runs", run, "video.mp4").is_file()
    assert "acme/pulse" in Path("runs/pulse/spec.yaml").read_text(encoding="utf-8")


def test_the_messages_of_the_page_on_troubles_are_the_messages(reader):
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    reader.follow(page.partition("## Files")[0])


def test_a_file_that_no_run_wrote_is_kept_with_the_message_of_the_page(reader):
    Path("mine").mkdir()
    Path("mine/video.mp4").write_text("mine")
    said = reader.do("vstar run 'a volcano wakes up' --frames 4 --out mine")
    (shown,) = re.findall(
        r"^```text\n(video\.mp4 .*?)\n```", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"), re.M | re.S
    )
    assert f"mine/{shown}" in said
