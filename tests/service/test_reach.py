"""What a request reaches: no file but those of its runs, no server, no plugin, nothing of another job."""

from __future__ import annotations

import socket
import threading

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import STORY, application, wait_for
from vstar_sdk import Guard


@pytest.mark.parametrize(
    "path",
    [
        "/v1/videos/../../secret.txt",
        "/v1/videos/..%2f..%2fsecret.txt",
        "/v1/videos/%2e%2e/%2e%2e/secret.txt/content",
        "/v1/videos/video_00000000000000000000000000000000/content",
        "/v1/runs/..%2f..%2f..%2fsecret.txt/files/x",
        "/v1/runs/%00/spec",
        "/v1/runs/./spec",
    ],
)
def test_an_id_is_never_a_path(waiting, path):
    answer = waiting.get(path)
    assert answer.status_code == 404
    assert "a secret" not in answer.text


def test_only_files_of_the_manifest_can_be_asked_for(client):
    run = client.post("/v1/runs", json=STORY).json()["id"]
    assert wait_for(client, run)["state"] == "done"
    directory = client.service.folder(client.service.record(run))
    (directory / "own.txt").write_text("a secret")
    for name in (
        "own.txt",
        "../job.json",
        "..%2fjob.json",
        "%2e%2e/job.json",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "spec.yaml%00.png",
        "frames/..%2f..%2fjob.json",
        "spec.yaml/",
        "",
    ):
        answer = client.get(f"/v1/runs/{run}/files/{name}")
        assert answer.status_code in (404, 405), name
    assert client.get(f"/v1/runs/{run}/files/spec.yaml").status_code == 200


@pytest.fixture(scope="module")
def listener():
    """An address that notices whoever asks it."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                asked.append(1)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked


def test_no_field_makes_the_service_ask_another_server(waiting, listener):
    url, asked = listener
    fields = {
        "input_reference": {"image_url": url},
        "image_reference": {"image_url": url},
        "video_reference": {"video_url": url},
        "audio_reference": {"audio_url": url},
        "frame_interpolation_model_path": url,
        "lora": {"name": url},
        "model": url,
        "extra_params": {"synopsis": {"use": "llm", "backend": {"use": "anthropic", "model": "m", "base_url": url}}},
    }
    for name, value in fields.items():
        answer = waiting.post("/v1/videos", json={"prompt": "a volcano wakes up"} | {name: value})
        assert answer.status_code == 400, name
    for name in ("input_reference", "image_reference"):
        assert waiting.post("/v1/videos", files={"prompt": (None, "x"), name: (None, url)}).status_code == 400
    specs = [
        {"model": {"use": "wan", "model": url}},
        {"model": {"use": "wan", "model": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"}},
        {"synopsis": {"use": "llm", "backend": {"use": "anthropic", "model": "m", "base_url": url}}},
        {"synopsis": {"use": "llm", "backend": {"use": "transformers", "model": "someone/something"}}},
        {"start": {"from": url, "keep": "0"}},
    ]
    for spec in specs:
        assert waiting.post("/v1/runs", json={"prompt": "a volcano wakes up"} | spec).status_code == 400, spec
    assert asked == []


def test_no_spec_reaches_a_file_a_plugin_or_another_jobs_folder(waiting, tmp_path):
    other = waiting.post("/v1/runs", json=STORY).json()["id"]
    specs = [
        {"start": {"from": "/etc", "keep": "0"}},
        {"start": {"from": "../../..", "keep": "0"}},
        {"start": {"from": f"../{other}/run", "keep": "0"}},
        {"model": {"use": "modelscope", "model": "/etc/passwd"}},
        {"model": {"use": "videocrafter2", "model": str(tmp_path)}},
        {"synopsis": {"use": "llm", "backend": {"use": "anthropic", "model": "m"}, "template": "/etc/passwd"}},
        {"finish": [{"use": "audio", "file": "/etc/passwd"}]},
        {"plugins": ["longvideo"]},
        {"output": [{"use": "mp4", "path": "../../../x.mp4"}]},
        {"output": [{"use": "mp4", "path": "/x.mp4"}]},
    ]
    for spec in specs:
        answer = waiting.post("/v1/runs", json=STORY | spec)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_spec"), (spec, answer.text)


def test_what_the_guard_lists_is_what_a_spec_may_name(tmp_path):
    spec = STORY | {"synopsis": {"use": "llm", "backend": {"use": "anthropic", "model": "m", "api_key_env": "MY_KEY"}}}
    allowed = Guard(hosts=("api.anthropic.com",), secrets=("MY_KEY",))
    for guard, status in ((Guard(), 400), (allowed, 201)):
        app, service = application(tmp_path / str(status), guard=guard)
        assert TestClient(app, base_url="http://127.0.0.1").post("/v1/runs", json=spec).status_code == status
        service.close()
