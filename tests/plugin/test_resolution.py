"""What a spec only names: the first plugin that knows it answers, and the environment comes last."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from vstar_sdk import Options, PluginError, hookimpl, load_spec
from vstar_sdk.plugin.plugin import given
from vstar_sdk.plugin.resolution import PluginResolver
from vstar_sdk.resolver import Resolver

KEY = "sk-4f6a1c9d7350"


def resolver(**functions) -> PluginResolver:
    """Of one plugin with these hooks."""
    return PluginResolver([given(types.SimpleNamespace(**{name: hookimpl(call) for name, call in functions.items()}))])


def failing(name):
    raise ValueError(f"the vault at {KEY} is closed")


def test_the_environment_answers_where_no_plugin_does(monkeypatch):
    monkeypatch.setenv("SOME_KEY", f" {KEY}\n")
    monkeypatch.setenv("NO_KEY", "  ")
    for asked in (Resolver(), resolver(resolve_secret=lambda name: None)):
        assert asked.secret("SOME_KEY") == KEY
        assert asked.secret("NO_KEY") is None
        assert asked.secret("ABSENT_KEY_OF_NOBODY") is None


def test_the_first_result_wins(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "from the environment")
    plugins = [
        given(types.SimpleNamespace(resolve_secret=hookimpl(lambda name, answer=answer: answer)))
        for answer in (None, KEY, "later")
    ]
    assert PluginResolver(plugins).secret("SOME_KEY") == KEY


def test_a_secret_is_in_no_message_when_the_plugin_fails():
    with pytest.raises(PluginError, match=r"failed in resolve_secret: ValueError$") as caught:
        resolver(resolve_secret=failing).secret("SOME_KEY")
    assert caught.value.__suppress_context__
    with pytest.raises(PluginError, match=r"it returned bytes, not a secret or None"):
        resolver(resolve_secret=lambda name: KEY.encode()).secret("SOME_KEY")


def test_assets_exist(tmp_path):
    assert Resolver().asset("owner/model") is None
    assert resolver(resolve_asset=lambda reference: tmp_path / ".").asset("owner/model") == tmp_path
    assert resolver(resolve_asset=lambda reference: str(tmp_path)).asset("owner/model") == Path(tmp_path)
    with pytest.raises(PluginError, match="it returned /nowhere, which is not a file or folder here"):
        resolver(resolve_asset=lambda reference: "/nowhere").asset("owner/model")


def test_a_factory_that_asks_for_it_is_given_the_runs_resolver():
    class Backend:
        def __init__(self, options, *, resolver):
            self.key = resolver.secret("SOME_KEY")

        def complete(self, request):
            return None

        def close(self):
            return None

    class Vault:
        @hookimpl
        def register_llm_backends(self, register):
            register("chat", options=Options, factory=Backend, summary="")

        @hookimpl
        def resolve_secret(self, name):
            return KEY

    loaded = load_spec({"prompt": "x", "synopsis": {"use": "llm", "backend": {"use": "vault/chat"}}}, plugins=[Vault()])
    assert loaded.catalog.make("llm_backends", loaded.spec.synopsis.backend).key == KEY  # pyright: ignore[reportAttributeAccessIssue]
