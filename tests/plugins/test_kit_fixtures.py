"""The fixtures for authors: light to import, and what they promise."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vstar_sdk
from vstar_sdk import Bias, RegularizerOptions, hookimpl
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.testing import fixtures

ROOT = Path(__file__).parents[2]


def test_pytest_finds_them_where_the_package_is_installed():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    assert points == {fixtures.__name__: fixtures.__name__}, "another name would be registered twice beside pytest_plugins"


def test_they_load_nothing_heavy():
    code = f"import sys, {fixtures.__name__}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "vstar_sdk" in loaded
    assert not {"torch", "numpy", "diffusers", "transformers", "pydantic", "jinja2", "yaml"} & set(loaded)


class Watching:
    """A plugin with a regularizer and a hook."""

    def __init__(self):
        self.steps, self.kinds = [], set()

    @hookimpl
    def register_regularizers(self, register):
        register("near", options=RegularizerOptions, factory=lambda options: Near(options, self.kinds), summary="Near frames.")

    @hookimpl
    def on_step(self, event):
        self.steps.append(event.step)


class Near:
    def __init__(self, options, kinds):
        self.options, self.kinds = options, kinds

    def operations(self, site):
        self.kinds.add(site.kind)
        return [Bias(lambda distance: -distance.abs())] if site.kind != "cross" else []


@pytest.mark.parametrize(("model", "kind"), [("factorised_model", "factorised"), ("joint_model", "joint")])
def test_a_run_of_two_steps_on_a_model_of_each_layout(two_step_run, request, model, kind):
    plugin = Watching()
    spec = {"model": request.getfixturevalue(model)}
    plain = two_step_run(spec, plugins={"acme": plugin})
    near = two_step_run({**spec, "regularizers": [{"use": "acme/near"}]}, plugins={"acme": plugin})
    assert plugin.steps == [1, 2] * 2
    assert kind in plugin.kinds
    assert plain.latents.shape == near.latents.shape
    assert not plain.latents.equal(near.latents)


def test_a_model_of_either_layout_makes_the_same_video_twice(tiny_model, two_step_run):
    one, two = (two_step_run({"model": tiny_model, "sampling": {"guidance": 2.0}}) for _ in range(2))
    assert one.latents.equal(two.latents)
    assert one.directory != two.directory
    assert len(list(one.frames())) == 5


def test_the_language_model_answers_what_a_test_sets(language_model):
    spec = vstar_sdk.load_spec({"prompt": "a beach", "synopsis": {"use": "llm", "backend": language_model.backend, "states": 2}})
    writer = spec.catalog.make("synopses", spec.spec.synopsis)
    brief = Brief(prompt="a beach", frames=16, fps=8.0)
    language_model.states("a beach at noon", "a beach at night")
    assert [state.caption for state in writer.write(brief).states] == ["a beach at noon", "a beach at night"]
    language_model.fails(500)
    with pytest.raises(vstar_sdk.BackendError, match="out of order"):
        writer.write(brief)
    writer.close()
    assert len(language_model.asked) == 2
