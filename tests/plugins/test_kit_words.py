"""The kit finds what is wrong with synopsis writers and LLM backends."""

from __future__ import annotations

import importlib
import json
import os
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from vstar_sdk.errors import BackendError, PluginError, SpecError
from vstar_sdk.llm.anthropic import AnthropicBackend, AnthropicOptions
from vstar_sdk.llm.contract import Completion
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.testing.language_model import KEY, MessagesDialect
from vstar_sdk.testing.llm_backends import check_llm_backend
from vstar_sdk.testing.synopses import check_synopsis


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_has_a_check(kind):
    module, _, name = kind.check.partition(":")
    assert importlib.import_module(module).__dict__[name].__doc__.count("Raises:") == 1


def writer(write, **attributes) -> Any:
    return lambda: SimpleNamespace(offline=True, write=write, close=lambda: None, **attributes)


def states(*captions):
    return Synopsis(tuple(State(caption) for caption in captions))


def test_a_writer_that_is_well():
    seen = []
    told = check_synopsis(writer(lambda brief: states(brief.prompt, "night"), check=seen.append))
    assert [state.caption for state in told.states] == ["a beach", "night"]
    assert [brief.prompt for brief in seen] == ["a beach"] * 2


def test_a_writer_that_writes_by_chance_is_found():
    count = iter("abcdef")
    with pytest.raises(AssertionError, match="an offline writer gives the same for the same brief"):
        check_synopsis(writer(lambda brief: states(next(count))))


@pytest.mark.parametrize(
    ("write", "error", "said"),
    [
        (lambda brief: "a beach", PluginError, "returned a str, not a Synopsis"),
        (lambda brief: states(" "), PluginError, "the caption of state 1 is empty"),
        (lambda brief: states(*"abcdefghijklmnopq"), SpecError, "17 states"),
        (lambda brief: 1 / 0, PluginError, "ZeroDivisionError"),
    ],
)
def test_a_writer_that_gives_no_synopsis_is_found(write, error, said):
    with pytest.raises(error, match=said):
        check_synopsis(writer(write))


def test_a_backend_that_is_well(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    told = check_llm_backend(lambda url: AnthropicBackend(AnthropicOptions(base_url=url, retries=0)), MessagesDialect(), key=KEY)
    assert told.model == "claude-test-1"


class Chat:
    """A backend that is well; each fault is a subclass."""

    def __init__(self, url):
        self.url = url

    def complete(self, request):
        body = {"system": request.system, "turns": [message.text for message in request.messages]}
        question = urllib.request.Request(self.url, json.dumps(body).encode(), {"x-key": os.environ["ACME_API_KEY"]})  # noqa: S310
        try:
            with urllib.request.urlopen(question) as reply:  # noqa: S310
                return self.read(json.loads(reply.read())["content"][1]["text"])
        except (OSError, ValueError, KeyError) as error:
            return self.failed(error)

    def read(self, text):
        return Completion(text=text, stop="end", model="acme", input_tokens=0, output_tokens=0)

    def failed(self, error) -> Any:
        raise BackendError("no answer") from None

    def close(self): ...


class Cut(Chat):
    def read(self, text):
        return Completion(text=text, stop="length", model="acme", input_tokens=0, output_tokens=0)


class Shortened(Chat):
    def read(self, text):
        return Completion(text=text[:-1], stop="end", model="acme", input_tokens=0, output_tokens=0)


class Text(Chat):
    def read(self, text):
        return text


class Calm(Chat):
    def failed(self, error):
        return self.read("a beach")


class Rough(Chat):
    def failed(self, error):
        raise error


class Loud(Chat):
    def failed(self, error):
        raise BackendError(f"no answer with {os.environ['ACME_API_KEY']}") from None


class Open(Chat):
    def __init__(self, url):
        super().__init__(url)
        self.key = os.environ["ACME_API_KEY"]


class Deaf(Chat):
    def complete(self, request):
        return super().complete(SimpleNamespace(system="", messages=request.messages))


def check(backend, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    return check_llm_backend(backend, MessagesDialect(), key=KEY)


def test_a_small_backend_is_as_good(monkeypatch):
    assert check(Chat, monkeypatch).model == "acme"


@pytest.mark.parametrize(
    ("backend", "error", "said"),
    [
        (Cut, AssertionError, "its stop is 'length', not 'end'"),
        (Shortened, AssertionError, "and the backend gives"),
        (Text, PluginError, "returned a str"),
        (Calm, AssertionError, "after a server error it gives"),
        (Rough, PluginError, "HTTPError"),
        (Loud, AssertionError, "the key is in the error after a server error"),
        (Open, AssertionError, "the key is in what its objects show of themselves"),
        (Deaf, AssertionError, "the system message is not in what it sends"),
    ],
)
def test_a_backend_with_a_fault_is_found(backend, error, said, monkeypatch):
    with pytest.raises(error, match=said):
        check(backend, monkeypatch)
