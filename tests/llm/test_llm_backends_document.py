"""What docs/llm-backends.md shows is what the code takes."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

import vstar_sdk.backends
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter

DOCUMENT = (Path(__file__).parents[2] / "docs" / "llm-backends.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_its_specs_are_valid(text):
    load_spec(parse(text).data)


def test_its_plugin_writes_a_story(brief):
    (source,) = [block for block in blocks("python") if "register_llm_backends" in block]
    module = types.ModuleType("vstar_acme")
    exec(compile(source, "llm-backends.md", "exec"), module.__dict__)  # noqa: S102
    catalog = Catalog()
    catalog.add(Plugin("acme", module, "vstar-acme 1.0"))
    part = catalog.part("llm_backends", "acme/echo")
    options = part.options.model_validate({"captions": ["an oak in snow", "an oak in sun"]})
    synopsis = LlmWriter(LlmOptions(backend=options, states=2), backend=part.load()(options)).write(brief())
    assert [state.caption for state in synopsis.states] == ["an oak in snow", "an oak in sun"]


def test_every_backend_and_every_name_of_the_kit_is_told_of():
    for part in built_in_catalog().parts("llm_backends"):
        assert f"`{part.name}`" in DOCUMENT
    for name in {*vstar_sdk.backends.__all__} - {"EnvName"}:
        assert f"`{name}" in DOCUMENT, name
