"""A plugin by a stranger, who had docs/hooks.md alone: its parts take part everywhere, exactly like the built-in ones."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from vstar_sdk import Session, SpecError, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.spec.document import read
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin

STRANGER = Path(__file__).parent / "stranger"
ANSWER = {"states": [{"caption": "a green landscape in summer"}, {"caption": "a snowy landscape in winter"}], "style": ""}

SPEC = """\
prompt: the year turns
frames: 4
model: {{use: willow/groves, folder: "{folder}", device: cpu}}
synopsis:
  use: llm
  template: willow/letter
  states: 2
  backend:
    use: willow/letters
    address: {address}
regularizers:
  - use: willow/horizon
    reach: 2
sampling: {{steps: 2}}
output:
  - use: willow/colours
    digits: 2
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The plugin in a folder of installed packages, as pip leaves it there."""
    site = tmp_path / "site-packages"
    shutil.copytree(STRANGER, site, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "vstar_willow-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vstar-willow\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[vstar_sdk]\nwillow = vstar_willow\n")
    monkeypatch.syspath_prepend(site)
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "vstar_willow"]:
        del sys.modules[name]


@pytest.fixture
def post_office(monkeypatch):
    """A real HTTP server that answers every letter; gives its address and what came in."""
    letters: list[tuple[str | None, dict[str, object]]] = []

    class Office(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            letters.append((self.headers["x-stamp"], json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(ANSWER).encode())

        def log_message(self, format, *args):
            pass

    monkeypatch.setenv("WILLOW_STAMP", "one penny red")
    monkeypatch.setenv("NO_PROXY", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Office)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", letters
    server.shutdown()
    thread.join()
    server.server_close()


def write(tmp_path, text):
    file = tmp_path / "story.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def story(tmp_path):
    return write(tmp_path, SPEC.format(folder=tmp_path, address="http://127.0.0.1:9"))


def invoke(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_needs_no_private_import():
    assert private_imports(STRANGER) == []


def test_it_conforms(installed):
    import vstar_willow  # pyright: ignore[reportMissingImports]

    catalog = check_plugin(vstar_willow, "willow")
    assert catalog.part("llm_backends", "willow/letters").distribution == "willow (under test)"


def test_all_its_parts_are_used_in_a_run(installed, post_office, tiny_pipeline_dir, tmp_path):
    address, letters = post_office
    spec = write(tmp_path, SPEC.format(folder=tiny_pipeline_dir, address=address))
    with Session() as session:
        result = session.run(spec, out=tmp_path / "run")
    ((stamp, letter),) = letters
    assert stamp == "one penny red"
    assert "as 2 captions, as one would in a letter" in str(letter["to"])
    assert letter["says"] == ['Dear writer, tell of "the year turns"']
    lines = (tmp_path / "run" / "colours.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "a green landscape in summer"
    assert len(lines) == 1 + 4
    assert all(len(value.partition(".")[2]) == 2 for value in lines[1].split())
    (record,) = [record for record in result.manifest["plugins"] if record["name"] == "willow"]
    assert record["distribution"] == "vstar-willow 2.1"
    assert {"willow/groves", "willow/letters", "willow/horizon", "willow/colours"} <= set(record["parts"])
    assert b"one penny red" not in b"".join(file.read_bytes() for file in (tmp_path / "run").iterdir())


def test_the_regularizer_changes_the_picture(installed, tiny_pipeline_dir):
    plain = {
        "prompt": "x",
        "frames": 8,
        "model": {"use": "willow/groves", "folder": str(tiny_pipeline_dir), "device": "cpu"},
        "synopsis": {"states": ["a green landscape in summer", "a snowy landscape in winter"]},
        "regularizers": [],
        "sampling": {"steps": 2},
    }
    with Session() as session:
        first = session.run(plain).latents
        assert session.run(plain).latents.equal(first)
        assert not session.run({**plain, "regularizers": [{"use": "willow/horizon", "reach": 1}]}).latents.allclose(first)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("reach: 2", "reech: 2", "13:5: regularizers[0].reech: unknown key 'reech'. Did you mean 'reach'?"),
        ("reach: 2", "reach: -2", "13:5: regularizers[0].reach: -2 frames: a moment must be at least 0"),
        ("reach: 2", "reach: [2]", "13:5: regularizers[0].reach: must be a whole number or a number or text"),
        ("willow/horizon", "willow/horizn", "12:5: regularizers[0].use: unknown regularizer 'willow/horizn'. Did you mean"),
        ("    address:", "    adress:", "8:3: synopsis.backend.address: is missing"),
        ("    address:", "    adress:", "10:5: synopsis.backend.adress: unknown key 'adress'. Did you mean 'address'?"),
        ("folder:", "foldr:", "model.foldr: unknown key 'foldr'. Did you mean 'folder'?"),
        ("digits: 2", "digits: two", "17:5: output[0].digits: must be a whole number"),
        (
            "willow/letters",
            "wilow/letters",
            "9:5: synopsis.backend.use: unknown LLM backend 'wilow/letters': no installed package",
        ),
        ("willow/letters", "wilow/letters", "Did you mean 'willow'?"),
    ],
)
def test_a_typo_in_its_options_is_named_with_line_and_column(installed, story, tmp_path, right, wrong, message):
    with pytest.raises(SpecError) as caught:
        load_spec(write(tmp_path, story.read_text(encoding="utf-8").replace(right, wrong)))
    assert any(message in line and line.startswith(f"{story}:") for line in str(caught.value).splitlines()), str(caught.value)


def test_without_it_the_package_to_install_is_named(story):
    with pytest.raises(SpecError) as caught:
        load_spec(story)
    remedy = "no installed package brings the namespace 'willow'; its package is usually called vstar-willow"
    assert [line.endswith(remedy) for line in str(caught.value).splitlines()] == [True] * 4


def test_it_is_listed(installed):
    (record,) = [record for record in json.loads(invoke("plugins", "--json", "--check")) if record["name"] == "willow"]
    assert (record["distribution"], record["version"], record["state"]) == ("vstar-willow", "2.1", "healthy")
    assert record["parts"] == [
        "model willow/groves",
        "regularizer willow/horizon",
        "LLM backend willow/letters",
        "exporter willow/colours",
        "template willow/letter",
    ]
    assert "willow/groves" in invoke("models")


def test_its_options_are_in_the_schema(installed, story):
    schema = json.loads(invoke("schema"))
    validator = Draft7Validator(schema)
    data = json.loads(json.dumps(read(story).data))
    assert [error.message for error in validator.iter_errors(data)] == []
    assert "How far a frame sees." in json.dumps(schema)
    data["regularizers"][0]["reech"] = data["regularizers"][0].pop("reach")
    (fault,) = validator.iter_errors(data)
    assert fault.json_path == "$.regularizers[0]"
    assert "'reech' was unexpected" in fault.message
    assert "willow" not in invoke("schema", "--core")
