"""Options of a plugin's hooks: declared, validated in the spec with their places, given to every hook that takes them."""

from __future__ import annotations

import json
import pickle
import types
from typing import Annotated, Any

import pytest
from jsonschema import Draft7Validator
from pydantic import ConfigDict

from vstar_sdk import Options, PartOf, PluginError, SpecError, hookimpl, load_spec
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import SpecLoader, load_document
from vstar_sdk.spec.schema import schema_of
from vstar_sdk.testing.plugins import check_plugin

STORY = {
    "prompt": "a volcano wakes up",
    "frames": 2,
    "synopsis": {"use": "miniworld", "states": 2},
    "sampling": {"steps": 2},
    "output": [],
}

KEEPER = '''
    from vstar_sdk import Options, hookimpl

    SEEN = []


    class KeeperOptions(Options):
        """Where keys are."""

        vault: str
        """A file."""
        every: int = 1
        """Steps between two notes."""


    hook_options = KeeperOptions


    @hookimpl
    def resolve_secret(name, options):
        return f"{name} in {options.vault}"


    @hookimpl
    def on_step(options, event):
        SEEN.append((event.step, options.vault, options.every))
'''


@pytest.fixture
def keeper(packages):
    packages.add("keeper", KEEPER)
    packages.add("other", "from vstar_sdk import hookimpl\n@hookimpl\ndef on_step(event): pass\n")


def listing(*plugins):
    return {**STORY, "plugins": list(plugins)}


def test_the_options_reach_the_hooks_the_resolved_spec_and_the_manifest(keeper, session, tmp_path):
    result = session.run(listing({"use": "keeper", "vault": "keys.json"}, "other"), out=tmp_path / "run")
    seen = __import__("vstar_keeper_module").SEEN
    assert seen == [(1, "keys.json", 1), (2, "keys.json", 1)]
    keeper, other = result.manifest["plugins"]
    assert (keeper["name"], keeper["options"]) == ("keeper", {"vault": "keys.json", "every": 1})
    assert "options" not in other
    resolved = load_spec(tmp_path / "run" / "spec.yaml")
    assert resolved.spec.model_dump()["plugins"] == [{"use": "keeper", "vault": "keys.json", "every": 1}, "other"]
    assert [plugin.namespace for plugin in resolved.participants] == ["keeper", "other"]
    assert resolved.catalog.resolver.secret("A_KEY") == "A_KEY in keys.json"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[{use: keeper, valt: x}]", "story.yaml:2:25: plugins[0].valt: unknown key 'valt'. Did you mean 'vault'?"),
        ("[other, {use: keeper}]", "story.yaml:2:18: plugins[1].vault: is missing"),
        ("[keeper]", "story.yaml:2:11: plugins[0]: 'keeper' has options that must be written: {use: keeper, ...}"),
        ("[{use: keeper, vault: 3}]", "story.yaml:2:25: plugins[0].vault: must be text"),
        ("[{use: other, vault: x}]", "story.yaml:2:24: plugins[0].vault: unknown key 'vault'"),
        ("[{vault: x}]", "story.yaml:2:11: plugins[0]: 'use' is missing: name a plugin"),
        ("[{use: keper, vault: x}]", "story.yaml:2:11: plugins[0]: no installed package brings the namespace 'keper'"),
        ("[3]", "story.yaml:2:11: plugins[0]: write the name of a plugin here"),
        ("[{use: keeper, vault: x}, {use: keeper, vault: y}]", "plugins[1]: the plugin keeper is listed twice"),
    ],
)
def test_what_is_wrong_has_its_place(keeper, written, said):
    with pytest.raises(SpecError) as refused:
        load_document(parse(f"prompt: a volcano wakes up\nplugins: {written}\n", name="story.yaml"))
    assert said in str(refused.value)


def test_the_schema_says_the_same(keeper):
    catalog = discovery.built_in_catalog()
    for plugin in discovery.load(["keeper", "other"]):
        catalog.add(plugin)
    schema = Draft7Validator(schema_of(catalog))
    right = [["other"], [{"use": "other"}], [{"use": "keeper", "vault": "x", "every": 2}]]
    wrong = [
        [{"use": "keeper"}],
        [{"use": "other", "vault": "x"}],
        [{"use": "keeper", "vault": "x", "evry": 2}],
        [{"use": "x"}],
        [3],
    ]
    assert [list(schema.iter_errors(listing(*plugins))) for plugins in right] == [[]] * 3
    assert all(len(list(schema.iter_errors(listing(*plugins)))) == 1 for plugins in wrong)
    shown = json.dumps(schema.schema)
    assert "Steps between two notes." in shown


def test_a_plugin_that_is_listed_with_options_is_not_listed_again_by_the_command(keeper):
    loaded = load_spec(listing({"use": "keeper", "vault": "x"}), plugins=["keeper", "other"])
    assert [plugin.namespace for plugin in loaded.participants] == ["keeper", "other"]
    assert pickle.loads(pickle.dumps(loaded)) == loaded  # noqa: S301


def test_specs_that_are_validated_together_keep_options_of_their_own(keeper):
    loader = SpecLoader()
    one, two = (
        loader.load(parse(json.dumps(listing({"use": "keeper", "vault": vault})), as_json=True)) for vault in ("one", "two")
    )
    assert [loaded.catalog.resolver.secret("KEY") for loaded in (one, two)] == ["KEY in one", "KEY in two"]


class WatcherOptions(Options):
    """What is noted."""

    name: str = "steps"
    """Of the note."""


class Watcher:
    namespace = "watcher"
    hook_options = WatcherOptions

    def __init__(self):
        self.seen = []

    @hookimpl
    def on_step(self, event, options):
        self.seen.append((options.name, event.step))


def test_an_object_of_a_host_has_the_defaults_unless_the_spec_lists_it(session):
    watcher = Watcher()
    session.run(STORY, plugins=[watcher])
    session.run(listing({"use": "watcher", "name": "notes"}), plugins=[watcher])
    assert watcher.seen == [("steps", 1), ("steps", 2), ("notes", 1), ("notes", 2)]


def test_an_object_of_a_host_whose_options_must_be_written_says_which():
    class Needy(WatcherOptions):
        vault: str

    watcher: Any = Watcher()
    watcher.hook_options = Needy
    with pytest.raises(SpecError, match=r"the plugin watcher \(passed by the caller\) has options that must be written: vault"):
        load_spec(STORY, plugins=[watcher])


def test_two_objects_of_one_namespace_both_take_part():
    one, other = Watcher(), Watcher()
    assert [plugin.source for plugin in load_spec(STORY, plugins=[one, other]).participants] == [one, other]
    listed = load_spec(listing("watcher"), plugins=[one, other]).participants
    assert {id(plugin.source) for plugin in listed} == {id(one), id(other)}


def module(**names):
    return types.SimpleNamespace(**names)


@hookimpl
def on_step(event, options):
    pass


class Free(WatcherOptions):
    model_config = ConfigDict(extra="ignore")


class Holding(Options):
    """Holds a part."""

    chat: Annotated[Options, PartOf("llm_backends")]
    """Asked for the key."""


@hookimpl
def on_run_end(event):
    pass


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (module(on_step=on_step), "on_step takes options, and the plugin declares none"),
        (module(on_run_end=on_run_end, hook_options=WatcherOptions), "hook_options reach no hook"),
        (module(on_step=on_step, hook_options=Holding), "hook_options holds parts, which are never made"),
        (module(on_step=on_step, hook_options={"vault": str}), "hook_options: the option model must be a subclass"),
        (module(on_step=on_step, hook_options=Free), "the option model must keep extra='forbid'"),
    ],
)
def test_options_that_reach_nothing_or_cannot_be_checked_are_refused(source, said):
    with pytest.raises(PluginError, match=said):
        Plugin("acme", source, "vstar-acme 1.0")


def test_the_kit_asks_for_descriptions_of_them():
    class Bare(Options):
        vault: str = ""

    watcher: Any = Watcher()
    watcher.hook_options = Bare
    with pytest.raises(AssertionError, match="watcher: hook_options: vault has no description"):
        check_plugin(watcher, "watcher")
    check_plugin(Watcher(), "watcher")


class Sealing:
    """A plugin whose regularizer needs its hook."""

    namespace = "seal"

    @hookimpl
    def register_regularizers(self, register):
        register("tar", options=SealOptions, factory=Tar, summary="Sealed.", needs_hooks=True)
        register("free", options=SealOptions, factory=Tar, summary="Free.")

    @hookimpl
    def on_step(self, event): ...


class SealOptions(TarOptions):
    """Sealed."""


SEALED = """
    from vstar_sdk import Options, hookimpl

    @hookimpl
    def register_finishers(register):
        register("slow", options=Options, factory="nowhere:Slow", summary="Slow.", needs_hooks=True)

    @hookimpl
    def on_step(event): ...
"""


@pytest.mark.parametrize("slow", ["seal/slow", {"use": "seal/slow"}])
def test_a_part_that_needs_its_plugins_hooks_says_so_where_the_plugin_is_left_out(packages, slow):
    packages.add("seal", SEALED)
    with pytest.raises(SpecError, match=r"finish\[0\].*'seal/slow' needs the hooks of its plugin.*plugins: \[seal\]"):
        load_spec({**STORY, "finish": [slow]})
    assert load_spec({**listing("seal"), "finish": [slow]}).spec.finish
    assert load_spec({**STORY, "finish": [slow]}, plugins=["seal"]).spec.finish


def test_a_passed_plugin_takes_part_and_so_its_parts_may_need_it():
    assert make_plan(load_spec({**STORY, "regularizers": [{"use": "seal/free"}]}, plugins=[Sealing()]))
    assert load_spec({**STORY, "regularizers": ["seal/tar"]}, plugins=[Sealing()]).spec.regularizers


def test_a_part_cannot_need_hooks_that_there_are_not():
    class Empty(Sealing):
        on_step: Any = None

    with pytest.raises(PluginError, match="seal/tar needs the hooks of its plugin, which has none"):
        check_plugin(Empty(), "seal")
