"""Whatever is done to a valid template, it is filled in or refused as a `TemplateError` that names it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vstar_sdk.errors import TemplateError
from vstar_sdk.reading.escapes import escaped
from vstar_sdk.templating import templates
from vstar_sdk.templating.linting import lint
from vstar_sdk.templating.rendering import render

VALUES = {"prompt": "a kite {{ rises }}", "style": "", "states": 4, "frames": 64, "fps": 8.0, "seconds": 8.0}

TEXTS = [path.read_text(encoding="utf-8") for path in templates.built_in().values()]

WRITTEN = r"""
{{ ¦ }} ¦ {% ¦ %} ¦ {# ¦ #} ¦ {{ prompt }} ¦ {{ prompt.__class__ }} ¦ {{ self }} ¦ {{ states|shout }} ¦ {{ 9**9**9 }}
{{ 1/0 }} ¦ {{ 'x' * 9999999 }} ¦ {{ range(10**9)|list }} ¦ {{ [].append(1) }} ¦ {{ namespace() }} ¦ {% block user %}
{% endblock %} ¦ {% block system %}{% endblock %}
{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %} ¦ {% include 'x' %}
{% import 'os' as os %} ¦ {% macro f() %}{{ f() }}{% endmacro %}{{ f() }} ¦ {% extends 'key-states' %}
{% set states = 3 %} ¦ {% raw %} ¦ {{ '%999999d'|format(1) }} ¦ {{ lipsum() }} ¦ {{ cycler }} ¦ {{ joiner }}
{{ dict(a=1)|tojson }} ¦ {{ undefined_name }} ¦ {{ prompt|safe }} ¦ --- ¦ name: x ¦ version: y ¦ inputs: []
inputs: { ¦ &a *a ¦ !!python/object:os.system ¦ "\ud800" ¦ {{ "\ud800" }} ¦ {{ (states, frames)|sum }}
{{ fps|round(400) }} ¦ {{ prompt|batch(1)|list }} ¦ {{ prompt|wordwrap(0) }} ¦ {{ prompt|indent(10**8) }}
{{ prompt|center(10**9) }} ¦ {% if %} ¦ {% else %} ¦ {% endif %}
"""
SNIPPETS = [snippet for line in WRITTEN.strip().splitlines() for snippet in line.split(" ¦ ")] + ["\x00", "\u2028", "\x1b[31m"]


def change(draw, text: str) -> str:
    """The text with something put in, taken out, doubled or moved."""
    start = draw(st.integers(0, len(text)))
    what = draw(st.sampled_from(["insert", "insert", "cut", "double", "odd"]))
    if what == "insert":
        return text[:start] + draw(st.sampled_from(SNIPPETS)) + text[start:]
    if what == "cut":
        return text[:start] + text[start + draw(st.integers(1, 40)) :]
    if what == "odd":
        return text[:start] + draw(st.text(max_size=8)) + text[start:]
    lines = text.splitlines(keepends=True) or [""]
    lines.insert(draw(st.integers(0, len(lines) - 1)), lines[draw(st.integers(0, len(lines) - 1))])
    return "".join(lines)


@st.composite
def files(draw) -> bytes:
    """The bytes of a file that was a valid template once."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        text = change(draw, text)
    return text.encode("utf-8", "surrogatepass")


def check(file: Path, content: bytes) -> None:
    """Read a file, look for its faults, and fill it in."""
    file.write_bytes(content)
    try:
        template = templates.load(f"./{file.name}", folder=file.parent)
        lint(template)
        filled = render(template, VALUES)
    except TemplateError as error:
        message = str(error)
        assert str(file) in message or "mine" in message, f"no name: {message}"
        assert escaped(message) == message, f"control characters: {message!r}"
    else:
        assert filled.system.strip()
        assert filled.user.strip()


def spent() -> float:
    """Processor time of this process and of the children that it has waited for, in seconds."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def work(file: Path, content: bytes) -> float:
    """Processor time of a check."""
    began = spent()
    check(file, content)
    return spent() - began


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


RELAXED: Any = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=15, derandomize=True, phases=[Phase.generate, Phase.shrink], **RELAXED)
@given(content=files())
def test_a_mutated_template_is_filled_in_or_refused(folder, content):
    check(folder / "mine.jinja", content)


@pytest.mark.slow
@settings(max_examples=2_000, **RELAXED)
@given(content=files())
def test_many_mutated_templates_are_filled_in_or_refused_within_two_seconds_of_work(folder, content):
    # A slow case is slow twice: what the collector of a long test took once is not the case's.
    assert work(folder / "mine.jinja", content) < 2.0 or work(folder / "mine.jinja", content) < 2.0
