"""A deprecated name works, and warns; a plugin for other hooks is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import vstar_sdk
from vstar_sdk.deprecated import NAMES, Deprecated
from vstar_sdk.errors import PluginError
from vstar_sdk.options import Options
from vstar_sdk.parts import PROJECT, hookimpl
from vstar_sdk.plugin import specs
from vstar_sdk.plugin.plugin import Plugin


def test_a_deprecated_name_works_and_warns_in_the_line_that_uses_it(monkeypatch):
    monkeypatch.setitem(NAMES, "Choices", Deprecated("vstar_sdk.options:Options", "Options", "0.3"))
    with pytest.warns(DeprecationWarning, match=r"vstar_sdk\.Choices is deprecated and goes in 0\.3: use Options") as warned:
        assert vstar_sdk.Choices is Options  # pyright: ignore[reportAttributeAccessIssue]
    assert warned[0].filename == __file__


def test_every_deprecated_name_is_there_and_none_is_public():
    for name, old in NAMES.items():
        assert name not in vstar_sdk.__all__
        module, _, attribute = old.target.partition(":")
        assert hasattr(__import__(module, fromlist=[attribute]), attribute)


def source(**attributes):
    @hookimpl
    def on_step(event):
        pass

    return SimpleNamespace(on_step=on_step, **attributes)


def test_a_deprecated_hook_warns_as_soon_as_a_plugin_implements_it(monkeypatch):
    message = "on_step is deprecated and goes in 0.3: use on_frames"
    monkeypatch.setitem(specs.on_step.__dict__[f"{PROJECT}_spec"], "warn_on_impl", DeprecationWarning(message))
    with pytest.warns(DeprecationWarning, match=message):
        Plugin("acme", source(), "acme 1.0")


def test_a_plugin_for_these_hooks_is_taken():
    Plugin("acme", source(HOOK_API=vstar_sdk.HOOK_API), "acme 1.0")


@pytest.mark.parametrize(
    ("needed", "remedy"), [(vstar_sdk.HOOK_API + 1, "install a newer vstar-sdk"), (0, "install a newer version of the plugin")]
)
def test_a_plugin_for_other_hooks_is_refused_with_what_to_upgrade(needed, remedy):
    with pytest.raises(PluginError, match=f"plugin acme .* needs version {needed} of the hooks") as caught:
        Plugin("acme", source(HOOK_API=needed), "acme 1.0")
    assert caught.value.hint == remedy
