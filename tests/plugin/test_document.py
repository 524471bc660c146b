"""docs/hooks.md and the pages of the kinds say what is, and a plugin copied from them works."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from vstar_sdk import ExecutorOptions, RegularizerOptions, Session, load_spec
from vstar_sdk.plugin import specs
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.plugin import HOOKS
from vstar_sdk.spec.document import parse
from vstar_sdk.testing.executors import check_executor
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.llm_server import LlmServer, Reply
from vstar_sdk.testing.regularizers import check_regularizer

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "hooks.md").read_text(encoding="utf-8")
PAGES = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((DOCS / "plugins").glob("*.md")) if path.stem != "testing"
}
KIND_PAGES = {name: text for name, text in PAGES.items() if not text.startswith("```{include}")}
"""A page for each kind; the others are those of plugins."""


def blocks(language, page=PAGE):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def modules(page):
    """The files of the package that a page shows, by their paths."""
    return {found[1]: block for block in blocks("python", page) if (found := re.match(r"# (\w+/\w+\.py)\n", block))}


def test_every_hook_is_documented_with_its_exact_signature():
    signatures = [f"{hook}{inspect.signature(getattr(specs, hook))}".replace("'", "") for hook in HOOKS]
    assert [block.strip() for block in blocks("text")] == signatures


def test_every_hook_says_arguments_time_exceptions_and_stability():
    for hook in HOOKS:
        doc = inspect.getdoc(getattr(specs, hook)) or ""
        for word in ("Args:", "When:", "Exceptions:", "Stability:"):
            assert word in doc, hook
        for argument in inspect.signature(getattr(specs, hook)).parameters:
            assert re.search(rf"^    {argument}: ", doc, re.MULTILINE), (hook, argument)


def test_every_kind_is_in_the_table_with_its_base_place_and_members():
    rows = {row.split("|")[1].strip(" `"): row for row in PAGE.splitlines() if row.startswith("| `register_")}
    assert list(rows) == [kind.hook for kind in KINDS.values()]
    for kind in KINDS.values():
        members = [member.name for member in kind.promises.members if not member.optional]
        for word in (kind.base.__name__, kind.promises.protocol, *members, *([kind.place] if kind.place else [])):
            assert re.search(rf"`{re.escape(word)}[`(]", rows[kind.hook]), (kind.name, word)


def test_the_pages_import_public_names_alone(tmp_path):
    shown = [block for page in (PAGE, *KIND_PAGES.values()) for block in blocks("python", page)]
    for number, block in enumerate(shown):
        (tmp_path / f"{number}.py").write_text(block, encoding="utf-8")
    assert private_imports(tmp_path) == []


@pytest.fixture
def acme(packages, tiny_pipeline_dir):
    """The plugin of the page, installed; beside it its model and a chat server."""
    root = packages.folder
    files = {name: text for page in (*KIND_PAGES.values(), PAGE) for name, text in modules(page).items() if "acme" in name}
    (template,) = blocks("jinja", KIND_PAGES["template"])
    for name, text in (files | {"vstar_acme/haiku.jinja": template}).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    project = tomllib.loads(blocks("toml")[0])["project"]
    points = "\n".join(
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    packages.add(distribution=project["name"], version=project["version"], points=points)
    (root / "models").mkdir()
    (root / "models" / "tiny").symlink_to(tiny_pipeline_dir)
    yield packages
    for module in [name for name in sys.modules if name.partition(".")[0] == "vstar_acme"]:
        del sys.modules[module]


PARTS = ["brightness", "chat", "detail", "echo", "fading", "folder", "haiku", "karras", "lean", "shared", "slow", "twice"]

ANSWER = {"states": [{"caption": "a snowy landscape in winter"}, {"caption": "an orange landscape in autumn"}], "style": ""}


@pytest.fixture
def server():
    with LlmServer([Reply(body=json.dumps({"text": json.dumps(ANSWER)}).encode())]).serving() as server:
        yield server


def test_the_plugin_of_the_page_makes_the_video_of_the_page(acme, server, tmp_path, monkeypatch):
    (written,) = [block for block in blocks("yaml") if block.startswith("# story.yaml")]
    story = acme.folder / "story.yaml"
    story.write_text(written.replace("127.0.0.1:8080", f"127.0.0.1:{server.server_port}"))
    monkeypatch.chdir(acme.folder)
    monkeypatch.setenv("ACME_VAULT_ACME_API_KEY", "a-key-from-the-vault")
    with Session() as session:
        result = session.run(story, out=tmp_path / "run")
    (question,) = server.asked
    assert server.headers[0]["authorization"] == "Bearer a-key-from-the-vault"
    assert "at most nine words" in question["turns"][0]["text"]
    assert [state.caption for state in result.synopsis.states] == ["a snowy landscape in winter", "an orange landscape in autumn"]
    halved, decoded = next(result.frames()), next(iter(result.adapter.decode(result.latents)))
    assert decoded.any()
    assert (halved == decoded // 2).all()
    lines = (tmp_path / "run" / "brightness.csv").read_text().splitlines()
    assert len(lines) == 9
    assert result.manifest["clip"]["frames"] == 8
    assert list(result.manifest["metrics"]) == ["acme/detail"]
    assert result.manifest["metrics"]["acme/detail"] > 0
    assert list(result.warnings) == []
    (record,) = result.manifest["plugins"]
    assert record == {
        "name": "acme",
        "distribution": "vstar-acme 1.0",
        "hooks": ["resolve_secret", "transform_frames", "on_step"],
        "parts": [f"acme/{part}" for part in PARTS],
    }
    for path in (tmp_path / "run").iterdir():
        assert b"a-key-from-the-vault" not in path.read_bytes()


def test_the_plugin_of_the_page_is_listed_and_well(acme):
    result = acme.vstar("plugins", "--check", "--json")
    (record,) = [record for record in json.loads(result.stdout) if record["name"] == "acme"]
    assert record["reasons"] == []
    assert record["state"] == "healthy"
    assert record["commands"] == ["acme-hello"]
    assert set(record["parts"]) == {
        "regularizer acme/lean",
        "template acme/haiku",
        "LLM backend acme/chat",
        "model acme/folder",
        "exporter acme/brightness",
        "scheduler acme/karras",
        "synopsis acme/day",
        "text part acme/echo",
        "noise acme/shared",
        "guidance acme/fading",
        "sampler acme/twice",
        "finisher acme/slow",
        "metric acme/detail",
        "executor acme/here",
    }
    assert "acme/folder" in acme.vstar("models").stdout
    assert acme.vstar("acme-hello").stdout == "hello from acme\n"
    assert "Logits lost with each frame of distance." in acme.vstar("schema").stdout


def test_the_executor_of_the_page_is_one(acme, tmp_path):
    part = importlib.import_module("vstar_acme.here").Here(ExecutorOptions())
    assert check_executor(lambda: part, tmp_path / "sweep").counts["done"] == 3


def test_its_regularizers_do_what_they_say(acme):
    for module, name in (("calm", "Calm"), ("steady", "Steady")):
        part = getattr(importlib.import_module(f"vstar_acme.{module}"), name)
        check_regularizer(part(RegularizerOptions()))


def test_typos_in_its_options_have_their_place(acme):
    story = acme.folder / "story.yaml"
    story.write_text("prompt: x\nregularizers:\n  - use: acme/lean\n    slop: 0.2\n")
    result = acme.vstar("validate", story)
    assert result.returncode == 2
    assert f"{story}:4:5: regularizers[0].slop: unknown key 'slop'. Did you mean 'slope'?" in result.stderr


def test_the_options_of_hooks_of_the_page_are_read_from_its_spec(packages, tmp_path):
    (packages.folder / "vstar_keeper.py").write_text(modules(PAGE)["vstar_keeper/__init__.py"])
    packages.add(distribution="vstar-keeper", version="1.0", points="[vstar_sdk]\nkeeper = vstar_keeper")
    packages.add("acme", "from vstar_sdk import hookimpl\n@hookimpl\ndef on_step(event): pass\n")
    (tmp_path / "keys.json").write_text('{"A_KEY": "from the vault"}')
    (written,) = [block for block in blocks("yaml") if block.startswith("# keeper.yaml")]
    loaded = load_spec(parse(written.replace("keys.json", str(tmp_path / "keys.json"))).data)
    assert loaded.catalog.resolver.secret("A_KEY") == "from the vault"
    assert [plugin.namespace for plugin in loaded.participants] == ["keeper", "acme"]


def test_the_hosts_object_of_the_page_sees_every_step():
    (source,) = [block for block in blocks("python") if "watcher = Watcher()" in block]
    page = {}
    exec(compile(source, "docs/hooks.md", "exec"), page)  # noqa: S102
    assert page["watcher"].steps == [1, 2]
