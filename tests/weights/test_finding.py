"""Where a model is: a path here, then what a plugin knows, then the hub at a commit."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from vstar_sdk.errors import ModelError
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, Commit, find_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Knows(Resolver):
    """A run's resolver with a plugin that knows some references."""

    def __init__(self, **known):
        self.known, self.asked = known, []

    def asset(self, reference):
        self.asked.append(reference)
        return self.known.get(reference)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "acme" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("reference", ["acme/model", "./acme/model", "{here}/acme/model"])
def test_a_path_that_exists_is_the_model_and_nobody_is_asked(here, reference):
    resolver = Knows()
    found = find_model(reference.format(here=here), None, resolver, CONFIGURATION)
    assert found.resolve() == here / "acme" / "model"
    assert resolver.asked == []


@pytest.mark.parametrize("reference", ["./nowhere", "/no/such/folder", "model.ckpt", "weights/x.safetensors"])
def test_what_can_only_be_a_path_is_not_looked_for_on_the_hub(here, reference):
    with pytest.raises(ModelError, match=f"{reference}: there is no such folder or file") as refused:
        find_model(reference, None, Knows(), CONFIGURATION)
    assert (str(here) in str(refused.value.hint)) is not reference.startswith("/")


def test_a_path_has_no_revision(here):
    with pytest.raises(ModelError, match="is a path, so it has no revision"):
        find_model("./acme/model", COMMIT, Knows(), CONFIGURATION)


def test_a_plugin_is_asked_before_the_hub_and_at_the_pinned_commit(here):
    resolver = Knows(**{f"acme/model@{COMMIT}": here, "acme/other": here})
    assert find_model("acme/model", COMMIT, resolver, CONFIGURATION) == here  # the folder of that name is not this commit
    assert find_model("acme/other", None, resolver, CONFIGURATION) == here
    assert resolver.asked == [f"acme/model@{COMMIT}", "acme/other"]


def test_a_hub_id_without_a_revision_is_refused_with_the_remedy(here):
    with pytest.raises(ModelError, match="a hub id needs a revision") as refused:
        find_model("acme/elsewhere", None, Knows(), CONFIGURATION)
    assert "https://huggingface.co/acme/elsewhere/commits/main" in str(refused.value.hint)


def test_what_is_neither_a_path_nor_a_hub_id_is_refused(here):
    with pytest.raises(ModelError, match="'a model' is neither a path that exists here nor a hub id"):
        find_model("a model", None, Knows(), CONFIGURATION)


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_only_a_whole_commit_pins(revision):
    with pytest.raises(ValidationError, match="40 hexadecimal digits of a commit"):
        TypeAdapter(Commit).validate_python(revision)


def test_without_a_connection_it_is_one_clear_sentence(tmp_path):
    script = (
        "from vstar_sdk.errors import ModelError\n"
        "from vstar_sdk.weights.finding import find_model, CONFIGURATION\n"
        "from vstar_sdk.resolver import Resolver\n"
        f"try:\n    find_model('acme/model', '{COMMIT}', Resolver(), CONFIGURATION)\n"
        "except ModelError as error:\n    print(error, '|', error.hint)\n"
        "import sys; assert 'torch' not in sys.modules"
    )
    env = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=env).stdout
    assert said.startswith("the hub does not provide the model 'acme/model' at 0123456789ab: it is not on this machine")
    assert f"hf download acme/model --revision {COMMIT}" in said


@pytest.mark.parametrize("reference", ["~nosuchuser/model", "./" + 300 * "x"])
def test_a_path_that_cannot_be_looked_at_is_told(here, reference):
    with pytest.raises(ModelError, match="cannot be looked at"):
        find_model(reference, None, Resolver(), CONFIGURATION)


def test_the_key_of_the_revision_is_the_callers(here):
    with pytest.raises(ModelError) as refused:
        find_model("acme/motion", None, Resolver(), CONFIGURATION, key="model.adapter_revision")
    assert "write model.adapter_revision: with the 40" in str(refused.value.hint)
