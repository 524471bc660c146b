"""A stranger's model with an attention class of its own, written with public names alone: checked, planned, run and attached."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.denoised import gaussian
from vstar_sdk import ModelError, PluginError, Session, attach, hookimpl, load_spec
from vstar_sdk.runs.forecast import forecast
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.models import check_model
from vstar_sdk.testing.plugins import check_plugin

STRANGER = Path(__file__).parent / "stranger"
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
SPEC = {
    "frames": 9,
    "seed": 1,
    "model": {"use": "vstar-oak/tree", "device": "cpu"},
    "synopsis": {"states": ["a bud", "a leaf"]},
    "regularizers": [TAR],
}


@pytest.fixture
def oak(monkeypatch):
    """The plugin's module."""
    monkeypatch.syspath_prepend(STRANGER)
    import vstar_oak  # pyright: ignore[reportMissingImports]

    yield vstar_oak
    for name in [name for name in sys.modules if name.partition(".")[0] == "vstar_oak"]:
        del sys.modules[name]


@pytest.fixture
def pipe(oak) -> Any:
    """The model's own pipeline."""
    from vstar_oak.network import pipeline  # pyright: ignore[reportMissingImports]

    return pipeline()


def noise() -> torch.Tensor:
    return torch.randn((1, 4, 5, 4, 4), generator=torch.Generator().manual_seed(3))


def frames(oak, **changes: Any) -> list[Any]:
    with Session() as session:
        return list(session.run({**SPEC, **changes}, plugins=[oak]).frames())


def test_it_needs_no_private_name():
    assert private_imports(STRANGER / "vstar_oak") == []


def test_the_kit_passes_it(oak):
    check_plugin(oak, namespace="oak")
    check_model(oak.Oak(oak.OakOptions()), frames=5, width=16, height=16)


def test_it_is_planned(oak):
    plan = make_plan(load_spec(SPEC, plugins=[oak]))
    assert [site.site.name for site in plan.attention.sites] == ["trunk.0.ring", "trunk.1.ring"]
    assert plan.attention.summary(3).splitlines()[0] == "level 0, 2 sites: steps 0-2 frame-pair bias with row statistics (tar)"
    assert plan.attention.clock.latents == 5
    assert forecast(plan).step_flops == 80**2


def test_it_runs_and_is_nursed(oak):
    nursed = frames(oak)
    assert len(nursed) == 9
    assert nursed[0].shape == (16, 16, 3)
    plain = frames(oak, regularizers=[])
    assert any((one != other).any() for one, other in zip(nursed, plain, strict=True))
    weak = frames(oak, regularizers=[{**TAR, "strength": 0.0}])
    assert all((one == other).all() for one, other in zip(weak, plain, strict=True))


def test_blocks_and_levels_are_checked_as_of_any_model(oak):
    with pytest.raises(Exception, match="the model has no block 7; it has blocks 0 to 1"):
        make_plan(load_spec({**SPEC, "regularizers": [{**TAR, "blocks": [0, 7]}]}, plugins=[oak]))
    with pytest.raises(Exception, match=r"its clips have 1 \+ 2 k frames"):
        make_plan(load_spec({**SPEC, "frames": 8}, plugins=[oak]))


@pytest.mark.parametrize("guidance", [pytest.param(1.0, marks=pytest.mark.slow), 3.0])
def test_its_pipeline_is_attached(oak, pipe, guidance):
    plain, other = pipe("a bud", noise(), guidance=guidance), pipe("a leaf", noise(), guidance=guidance)
    with attach(pipe, [], ["a leaf"], plugins=[oak]):
        assert torch.equal(pipe("a bud", noise(), guidance=guidance), other)
    with attach(pipe, [TAR], plugins=[oak]):
        assert not torch.allclose(pipe("a bud", noise(), guidance=guidance), plain, atol=1e-3)
    with attach(pipe, [TAR], ["a bud", "a leaf"], plugins=[oak]):
        pipe("a bud", noise(), guidance=guidance)
    assert torch.equal(pipe("a bud", noise(), guidance=guidance), plain)


def test_the_run_and_the_attached_pipeline_make_the_same(oak, pipe):
    with Session() as session:
        result = session.run({**SPEC, "size": [16, 16]}, plugins=[oak])

    with attach(pipe, [TAR], ["a bud", "a leaf"], plugins=[oak]):
        latents = pipe("nothing", gaussian((1, 4, 5, 4, 4), 1))
    assert torch.allclose(latents, result.latents, atol=1e-5)


def test_without_the_plugin_the_class_is_unknown(pipe):
    with pytest.raises(ModelError, match=r"no denoiser that attach knows: transformer \(OakTransformer\)"), attach(pipe, [TAR]):
        pass


def test_a_class_that_a_family_knows_already_is_not_taken_over(oak):
    class Thief:
        namespace = "thief"

        @hookimpl
        def register_families(self, register):
            register("WanTransformer3DModel", family="vstar_oak.network:OAK")

    with pytest.raises(PluginError, match="which another family has registered"):
        load_spec({"prompt": "a beach"}, plugins=[Thief()])


def test_a_family_that_is_none_is_named(oak, pipe):
    class Confused:
        namespace = "confused"

        @hookimpl
        def register_families(self, register):
            register("OakTransformer", family="vstar_oak.network:plain")

    with (
        pytest.raises(PluginError, match=r"is a function, not a vstar_sdk\.Family"),
        attach(pipe, [TAR], plugins=[Confused()]),
    ):
        pass
