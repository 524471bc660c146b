"""What the documents show is what the code takes."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest
import torch

from vstar_sdk import load_spec
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


# Those in the folders below need a model's files: they are tested with their model.
@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_example_specs_are_valid(path):
    loaded = load_spec(path)
    if loaded.spec.model.part == "miniworld":  # the weights of others are not here; their own tests plan with tiny ones
        make_plan(loaded)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_the_readmes_specs_are_valid(text):
    make_plan(load_spec(parse(text).data))


def test_the_spec_of_the_page_on_sampling_is_valid_and_names_every_part_that_it_lists():
    page = (ROOT / "docs" / "sampling.md").read_text(encoding="utf-8")
    loaded = load_spec(parse(blocks("yaml", page)[0]).data)
    make_plan(loaded)
    for kind in ("schedulers", "guidances", "noises", "samplers"):
        assert [part.name for part in loaded.catalog.parts(kind) if f"`{part.name}`" not in page] == []


@pytest.mark.parametrize(("name", "kind"), [("metrics", "metrics"), ("finishing", "finishers")])
def test_the_spec_of_a_page_is_valid_and_the_page_names_every_part_of_its_kind(name, kind):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    loaded = load_spec(parse(blocks("yaml", page)[0]).data)
    make_plan(loaded)
    assert [part.name for part in loaded.catalog.parts(kind) if f"`{part.name}`" not in page] == []


def test_the_page_on_finishing_says_what_the_plan_says():
    page = (ROOT / "docs" / "finishing.md").read_text(encoding="utf-8")
    plan = make_plan(load_spec(parse(blocks("yaml", page)[0]).data))
    assert f"finished by upscale, interpolate: {plan.final}" in " ".join(page.split())


def test_the_readmes_plugin_is_a_plugin():
    (source,) = [block for block in blocks("python") if "register_regularizers" in block]
    module = types.ModuleType("vstar_acme")
    exec(compile(source, "README.md", "exec"), module.__dict__)  # noqa: S102
    catalog = Catalog()
    catalog.add(Plugin("acme", module, "vstar-acme 1.0"))
    part = catalog.part("regularizers", "acme/lean")
    (bias,) = part.load()(part.options.model_validate({"slope": 2.0})).operations(None)
    assert bias.fn(torch.tensor(-3.0)) == -6.0


def test_the_demo_of_the_readme_is_the_demo():
    shown = parse(next(block for block in blocks("yaml") if block.startswith("version"))).data
    demo = load_spec(ROOT / "specs" / "demo.yaml").document.data
    assert {key: shown[key] for key in ("prompt", "frames", "seed")} == {key: demo[key] for key in ("prompt", "frames", "seed")}


def test_the_example_of_recorded_maps_runs():
    (source,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/regularizers.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, object] = {}
    exec(compile(source, "docs/regularizers.md", "exec"), names)  # noqa: S102
    maps = names["maps"]
    assert isinstance(maps, torch.Tensor)
    assert maps.shape == (1, 14, 16, 16)
