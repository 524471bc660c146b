"""Commands of plugins: listed from metadata, loaded when called, never in the place of a built-in one."""

from __future__ import annotations

import json

import pytest

COMMAND = """
    import click
    print("imported")

    @click.command()
    @click.option("--name", default="you")
    def command(name):
        '''Say hello.'''
        click.echo(f"hello {name}")
"""


@pytest.fixture
def commands(packages):
    packages.add(None, COMMAND, "vstar-hello", commands=["hello"])
    packages.add(None, "raise RuntimeError('no luck')", "vstar-broken", commands=["broken"])
    packages.add(None, "import sys; sys.exit(0)", "vstar-exits", commands=["exits"])
    packages.add(None, "command = 3", "vstar-number", commands=["number"])
    packages.add(None, COMMAND, "vstar-thief", commands=["run"])
    packages.add(None, COMMAND, "vstar-one", commands=["both"])
    packages.add(None, COMMAND, "vstar-two", commands=["both"])
    return packages


def test_help_lists_them_without_importing_one(commands):
    result = commands.vstar("--help")
    assert result.returncode == 0
    assert "imported" not in result.stdout + result.stderr
    listed = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines() if line.startswith("  ")}
    assert listed["hello"] == "(from vstar-hello)"
    assert listed["broken"] == "(from vstar-broken)"
    assert listed["both"].startswith("(claimed by vstar-one 1.2 and vstar-two 1.2")
    assert listed["run"] == "Make a video from a spec file or a prompt."


def test_one_is_called(commands):
    result = commands.vstar("hello", "--name", "volcano")
    assert (result.returncode, result.stdout) == (0, "hello volcano\n")
    assert "imported" in result.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "error: the command 'broken' (vstar-broken 1.2) cannot be imported: RuntimeError: no luck"),
        ("exits", "error: the command 'exits' (vstar-exits 1.2) cannot be imported: SystemExit: 0"),
        ("number", "error: the command 'number' (vstar-number 1.2): vstar_number_module:command is an int, not a click command"),
        ("both", "error: the command 'both' is claimed by vstar-one 1.2 and vstar-two 1.2"),
    ],
)
def test_a_broken_one_gives_one_clear_error(commands, name, message):
    result = commands.vstar(name)
    assert result.returncode == 3
    assert result.stderr.splitlines()[0] == message
    assert "Traceback" not in result.stderr


def test_a_built_in_command_is_never_shadowed(commands):
    assert "imported" not in commands.vstar("run", "--help").stdout
    records = {record["name"]: record for record in json.loads(commands.vstar("plugins", "--json").stdout)}
    assert records["vstar-thief"]["reasons"] == ["the command 'run' is built in: the package's command is never called"]
    assert records["vstar-thief"]["state"] == "faulty"


def test_a_misspelled_one_is_told_its_nearest(commands):
    result = commands.vstar("helo")
    assert result.returncode == 2
    assert "there is no command 'helo'. Did you mean 'hello'?" in result.stderr


def test_switches_keep_them_out(commands):
    assert "hello" not in commands.vstar("--no-plugins", "--help").stdout
    assert "hello" not in commands.vstar("--help", VSTAR_DISABLE_PLUGINS="vstar-hello").stdout
    assert commands.vstar("--no-plugins", "hello").returncode == 2


def test_check_imports_them(commands):
    result = commands.vstar("plugins", "--check", "--json")
    assert result.returncode == 1
    records = {record["name"]: record for record in json.loads(result.stdout)}
    assert records["vstar-hello"]["state"] == "healthy"
    assert records["vstar-number"]["reasons"] == ["the command 'number' is an int, not a click command"]
    assert records["vstar-broken"]["reasons"] == ["the command 'broken' cannot be imported: RuntimeError: no luck"]
