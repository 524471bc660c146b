"""Parts of plugins: found by entry points, offered by hooks, used from a spec."""

from __future__ import annotations

import types
from typing import Any

import pytest
from pydantic import ConfigDict

from vstar_sdk import Options, PluginError, RegularizerOptions, SpecError, hookimpl, load_spec
from vstar_sdk.plugin import discovery, specs
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.runs.plan import make_plan

STORY = {"prompt": "a volcano wakes up", "frames": 4}

LEAN = """
    from vstar_sdk import RegularizerOptions, hookimpl
    from vstar_sdk.attention.operations import Bias

    class LeanOptions(RegularizerOptions):
        slope: float = 0.1

    class Lean:
        def __init__(self, options):
            self.options = options

        def operations(self, site):
            return [Bias(lambda distance: -self.options.slope * distance.abs())]

    @hookimpl
    def register_regularizers(register):
        register("lean", options=LeanOptions, factory=Lean, summary="Far frames weigh less.")
"""


@pytest.fixture
def install(packages):
    return packages.add


def plugin(**functions):
    """A plugin object made of marked functions."""
    module = types.SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})
    return Plugin("acme", module, "acme 1.0")


def offering(name: str = "lean", options: Any = RegularizerOptions, factory: Any = object) -> Plugin:
    def register_regularizers(register):
        register(name, options=options, factory=factory, summary="")

    return plugin(register_regularizers=register_regularizers)


def test_an_installed_regularizer_is_used_from_a_spec(install):
    install("acme", LEAN)
    plan = make_plan(load_spec(STORY | {"regularizers": [{"use": "acme/lean", "slope": 0.5}]}))
    assert "acme/lean" in plan.attention.describe(25)


def test_its_options_typos_are_found(install):
    install("acme", LEAN)
    with pytest.raises(SpecError, match=r"regularizers\[0\]\.slop: unknown key 'slop'\. Did you mean 'slope'\?"):
        load_spec(STORY | {"regularizers": [{"use": "acme/lean", "slop": 0.5}]})


def test_only_plugins_that_a_spec_mentions_are_imported(install):
    install("acme", "raise RuntimeError('imported')")
    load_spec(STORY)
    with pytest.raises(PluginError, match=r"plugin acme \(vstar-acme 1\.2\) cannot be imported: RuntimeError: imported"):
        load_spec(STORY | {"regularizers": [{"use": "acme/lean"}]})


def test_a_plugin_that_exits_on_import_ends_nothing(install):
    install("acme", "import sys; sys.exit(3)")
    with pytest.raises(PluginError, match="SystemExit"):
        load_spec(STORY | {"plugins": ["acme"]})


def test_two_claims_of_one_namespace_are_both_refused(install):
    install("acme", LEAN)
    install("acme", LEAN, "vstar-other")
    with pytest.raises(PluginError, match=r"'acme' is claimed by .*vstar-(acme|other) 1\.2 and vstar-(acme|other) 1\.2"):
        load_spec(STORY | {"regularizers": [{"use": "acme/lean"}]})


def test_a_misspelled_hook_is_named():
    with pytest.raises(PluginError, match=r"there is no hook 'register_regularisers'\. Did you mean 'register_regularizers'\?"):
        plugin(register_regularisers=lambda register: None)


def test_a_hook_with_other_arguments_is_refused():
    with pytest.raises(PluginError, match="plugin acme"):
        plugin(on_step=lambda step: None)


class Loose(RegularizerOptions):
    model_config = ConfigDict(extra="ignore")


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        (offering("Lean!"), "'Lean!' is not a name for a regularizer"),
        (offering(options=Loose), "must keep extra='forbid'"),
        (offering(options=dict), "must be a subclass of vstar_sdk.options.Options"),
        (plugin(register_regularizers=lambda register: 1 / 0), "failed to register: ZeroDivisionError"),
    ],
)
def test_a_faulty_offer_is_refused(offer, words):
    with pytest.raises(PluginError, match=words):
        Catalog().add(offer)


def test_registration_is_all_or_nothing():
    def register_regularizers(register):
        register("good", options=RegularizerOptions, factory=object, summary="")
        register("good", options=RegularizerOptions, factory=object, summary="")

    catalog = Catalog()
    with pytest.raises(PluginError, match="registers the regularizer 'acme/good' twice"):
        catalog.add(plugin(register_regularizers=register_regularizers))
    assert catalog.parts("regularizers") == ()


def test_a_part_whose_package_is_missing_says_which():
    catalog = Catalog()
    catalog.add(offering(factory="no_such_package.part:Lean"))
    with pytest.raises(Exception, match="needs the module 'no_such_package', which is not installed"):
        catalog.part("regularizers", "acme/lean").load()


def test_built_in_parts_are_found_by_scanning():
    catalog = discovery.built_in_catalog()
    names = {
        kind: {part.name for part in catalog.parts(kind)} for kind in ("regularizers", "synopses", "exporters", "llm_backends")
    }
    assert {"tar"} <= names["regularizers"]
    assert {"states", "llm", "miniworld"} <= names["synopses"]
    assert {"mp4", "gif", "frames", "contact-sheet"} <= names["exporters"]
    assert {"anthropic"} <= names["llm_backends"]
    for kind in names:
        for part in catalog.parts(kind):
            assert part.summary
            assert issubclass(part.options, Options)
            assert callable(part.load())


def test_every_hook_says_when_it_is_called():
    for name, hook in vars(specs).items():
        if name.startswith(("register_", "on_")):
            assert hook.__doc__, name
