from __future__ import annotations

import subprocess
import sys

import pytest

import vstar_sdk


def test_every_public_name_is_there():
    assert vstar_sdk.__all__ == sorted(set(vstar_sdk.__all__))
    for name in vstar_sdk.__all__:
        assert getattr(vstar_sdk, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vstar_sdk.nonsense  # pyright: ignore[reportAttributeAccessIssue]


def imported(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after running some code."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()[-400:])


def test_help_loads_nothing_heavy():
    code = (
        "import click.testing\nfrom vstar_sdk.cli.main import cli\n"
        "assert click.testing.CliRunner().invoke(cli, ['--help']).exit_code == 0"
    )
    assert not imported(code) & {"torch", "pydantic", "jinja2", "yaml", "numpy", "pluggy", "anthropic", "diffusers", "av", "PIL"}


def test_validating_loads_no_torch():
    code = (
        "from vstar_sdk.runs.plan import make_plan\nfrom vstar_sdk.spec.loading import load_spec\n"
        "make_plan(load_spec({'prompt': 'a landscape from winter to autumn'}))"
    )
    assert not imported(code) & {"torch", "diffusers", "transformers", "anthropic", "av", "PIL"}
