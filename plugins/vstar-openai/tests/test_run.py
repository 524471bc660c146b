"""A whole run whose story comes from an OpenAI-compatible server: what it says, what it records, and that the key is nowhere."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest
import vstar_openai

from vstar_sdk import BackendError, Session, SpecError, hookimpl, load_spec
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.llm_faults import CAPTIONS, good
from vstar_sdk.testing.plugins import check_plugin

PACKAGE = Path(__file__).parents[1] / "vstar_openai"


class Vault:
    """A host's own store of keys."""

    def __init__(self, **keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []

    @hookimpl
    def resolve_secret(self, name):
        self.asked.append(name)
        return self.keys.get(name)


def story(url: str, **backend: object) -> dict[str, object]:
    chat = {"use": "openai/chat", "model": "test-model", "base_url": f"{url}/v1", "timeout": 5, **backend}
    return {
        "prompt": "a landscape from winter to autumn",
        "frames": 4,
        "sampling": {"steps": 1},
        "synopsis": {"use": "llm", "backend": chat},
        "output": [{"use": "mp4"}],
    }


@pytest.fixture(scope="module")
def session():
    with Session() as session:
        yield session


def test_a_run_with_a_key_from_a_host_leaves_no_trace_of_it(session, server, chat, tmp_path, caplog, key):
    caplog.set_level(logging.DEBUG)
    refusal = chat.error(400, f"response_format is unknown; your key is {key}").but(reason=key, headers={"x-echo": key})
    answer = chat.answer(f"{key}\n{good()}")
    server.script = [refusal, answer.but(headers={**answer.headers, "x-echo": key})]
    vault = Vault(VAULT_KEY=key)
    job = session.start(story(server.url, api_key_env="VAULT_KEY"), out=tmp_path, plugins=[vault])
    events = list(job.events())
    result = job.result()
    assert "VAULT_KEY" in vault.asked
    assert server.headers[0]["authorization"] == f"Bearer {key}"
    assert tuple(state.caption for state in result.synopsis.states) == CAPTIONS
    (warning,) = (event.message for event in events if event.kind == "warning" and "response format" in event.message)
    assert "refuses the response format json_schema (response_format is unknown; your key is [key])" in warning
    assert warning in result.warnings
    kept = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"spec.yaml", "synopsis.json", "manifest.json"} <= set(kept)
    for name, content in kept.items():
        assert key.encode() not in content, name
    assert b"[key]" in kept["synopsis.json"]
    shown = {"log": caplog.text, "events": repr(events), "result": repr(vars(result)), "manifest": repr(result.manifest)}
    for name, text in shown.items():
        assert key not in text, name


def test_a_run_that_fails_shows_no_key(session, server, chat, tmp_path, caplog, key):
    caplog.set_level(logging.DEBUG)
    server.script = [chat.error(401, f"bad key {key}").but(reason=key)]
    job = session.start(story(server.url, api_key_env="TEST_API_KEY"), out=tmp_path)
    events = list(job.events())
    with pytest.raises(BackendError, match=r"does not accept the key in TEST_API_KEY \(401\): bad key \[key\]") as caught:
        job.result()
    shown = "".join(traceback.format_exception(caught.value)) + repr(events) + caplog.text
    assert key not in shown
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_typing_errors_in_its_options_have_a_place():
    with pytest.raises(SpecError, match=r"synopsis\.backend\.modle: unknown key 'modle'\. Did you mean 'model'\?"):
        load_spec({"prompt": "x", "synopsis": {"use": "llm", "backend": {"use": "openai/chat", "modle": "m"}}})


def test_the_plugin_is_well():
    check_plugin(vstar_openai, "openai")


def test_only_public_names_are_used():
    assert private_imports(PACKAGE) == []
