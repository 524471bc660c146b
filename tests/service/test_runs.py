"""Whole specs, and everything that can be asked of their runs."""

from __future__ import annotations

import io
import json

import pytest
import yaml
from PIL import Image

from tests.service.conftest import STORY, wait_for
from vstar_sdk import json_schema, load_spec
from vstar_sdk.output.digests import digest

SPEC = """
prompt: a volcano wakes up
frames: 4
seed: 5
sampling: {steps: 3}
regularizers: [{use: tar, sigma: {0: 1, 1: 8}}]
output: [gif, {use: frames}]
"""


@pytest.fixture(scope="module")
def finished(client):
    answer = client.post("/v1/runs", content=SPEC, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/runs/{answer.json()['id']}"
    return wait_for(client, answer.json()["id"])


def events_of(client, run, **headers):
    answer = client.get(f"/v1/runs/{run}/events", headers=headers)
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in answer.text.split("\n\n") if block]
    return [(int(block["id"]), block["event"], json.loads(block["data"])) for block in blocks]


def test_a_spec_runs_to_the_bytes_that_it_gives_without_a_service(client, finished, session, tmp_path):
    assert (finished["state"], finished["progress"], finished["frames"], finished["error"]) == ("done", 1.0, 4, None)
    names = client.get(f"/v1/runs/{finished['id']}/files").json()["data"]
    frames = [f"frames/{number:04}.png" for number in range(4)]
    assert sorted(names) == sorted(["video.gif", *frames, "spec.yaml", "synopsis.json", "latents.safetensors", "manifest.json"])
    (tmp_path / "story.yaml").write_text(SPEC)
    alone = session.run(tmp_path / "story.yaml", out=tmp_path / "run").directory
    part = client.get(f"/v1/runs/{finished['id']}/files/video.gif", headers={"Range": "bytes=0-5"})
    assert (part.status_code, part.content) == (206, b"GIF89a")
    assert part.headers["Content-Disposition"] == 'attachment; filename="video.gif"'
    for name in ("video.gif", frames[3], "latents.safetensors"):
        assert client.get(f"/v1/runs/{finished['id']}/files/{name}").content == (alone / name).read_bytes(), name
    manifest = client.get(f"/v1/runs/{finished['id']}/manifest").json()
    assert {entry["path"]: entry["sha256"] for entry in manifest["artifacts"]}["video.gif"] == digest(alone / "video.gif")


def test_the_spec_is_given_back(client, finished):
    answer = client.get(f"/v1/runs/{finished['id']}/spec")
    assert load_spec(yaml.safe_load(answer.text)) == load_spec(yaml.safe_load(SPEC))


def test_events_are_replayed_from_any_number(client, finished):
    everything = events_of(client, finished["id"])
    assert [number for number, _, _ in everything] == [data["number"] for _, _, data in everything] == [*range(len(everything))]
    kinds = [kind for _, kind, _ in everything]
    assert (kinds[0], kinds[1], kinds[-1]) == ("queued", "run_start", "run_end")
    assert [data["step"] for _, kind, data in everything if kind == "step"] == [1, 2, 3]
    assert {data["job"] for _, _, data in everything} == {finished["id"]}
    assert [data["path"] for _, kind, data in everything if kind == "artifact"] == ["video.gif", "frames"]
    assert events_of(client, finished["id"], **{"Last-Event-ID": "4"}) == everything[5:]
    as_video = client.get(f"/v1/videos/{finished['id']}/events?since=5").text
    assert as_video == client.get(f"/v1/runs/{finished['id']}/events?since=5").text
    last = {"Last-Event-ID": str(len(everything) - 1)}
    assert client.get(f"/v1/runs/{finished['id']}/events", headers=last).status_code == 204
    with client.websocket_connect(f"ws://127.0.0.1:8000/v1/runs/{finished['id']}/events?since=3") as socket:
        assert [socket.receive_json() for _ in everything[3:]] == [data for _, _, data in everything[3:]]


def test_no_path_of_the_machine_is_told(client, finished, tmp_path_factory):
    told = [client.get(f"/v1/runs/{finished['id']}{end}").text for end in ("", "/events", "/manifest", "/spec", "/files")]
    root = str(tmp_path_factory.getbasetemp())
    assert not [text for text in told if root in text]
    wrong = client.post("/v1/runs", json=STORY | {"model": {"use": "wan", "model": f"{root}/weights"}})
    assert wrong.status_code == 400
    assert root not in wrong.text


def test_a_run_under_way_shows_what_it_is_going_to_be_and_is_cancelled_at_its_next_step(client):
    run = client.post("/v1/runs", json=STORY | {"sampling": {"steps": 200}}).json()["id"]
    with client.websocket_connect(f"ws://127.0.0.1:8000/v1/runs/{run}/events") as socket:
        while socket.receive_json()["kind"] != "step":
            pass
        answer = client.get(f"/v1/runs/{run}/preview")
        assert answer.headers["Vstar-Frames"] == "4"
        assert int(answer.headers["Vstar-Step"]) >= 1
        sheet, one = (Image.open(io.BytesIO(part.content)) for part in (answer, client.get(f"/v1/runs/{run}/preview?frame=3")))
        assert (sheet.format, sheet.size) == ("JPEG", (2 * one.width, 2 * one.height))
        assert client.get(f"/v1/runs/{run}/preview?frame=4").status_code == 404
        assert client.post(f"/v1/runs/{run}/cancel").json()["state"] == "running"
        while (last := socket.receive_json())["kind"] != "run_error":
            assert last["kind"] == "step"
        assert last["error"]["code"] == "cancelled"
    assert wait_for(client, run)["state"] == "cancelled"
    assert client.get(f"/v1/runs/{run}/preview").status_code == 404
    assert client.get(f"/v1/runs/{run}/files").status_code == 404


def test_a_running_job_that_is_deleted_is_gone_at_once_and_so_are_its_files(client):
    run = client.post("/v1/runs", json=STORY | {"sampling": {"steps": 200}}).json()["id"]
    wait_for(client, run, ("running",))
    assert client.delete(f"/v1/runs/{run}").json() == {"id": run, "object": "run.deleted", "deleted": True}
    assert client.get(f"/v1/runs/{run}").status_code == 404
    after = client.post("/v1/runs", json=STORY).json()["id"]
    assert wait_for(client, after)["state"] == "done"
    assert run not in [path.name for path in client.service.folder(client.service.record(after)).parents[1].iterdir()]


@pytest.mark.slow
def test_a_run_continues_from_a_finished_one_by_its_id(client):
    first = client.post("/v1/runs", json=STORY).json()["id"]
    more = STORY | {"seed": 2, "start": {"from": first, "keep": "0-1"}}
    assert client.post("/v1/runs", json=more).status_code == 409
    assert wait_for(client, first)["state"] == "done"
    second = wait_for(client, client.post("/v1/runs", json=more).json()["id"])
    assert second["state"] == "done"
    parent = client.get(f"/v1/runs/{second['id']}/manifest").json()["parent"]
    assert parent == client.get(f"/v1/runs/{first}/manifest").json()["run"]


@pytest.mark.slow
def test_a_video_that_is_not_as_expected_failed_and_is_there(client):
    run = client.post("/v1/runs", json=STORY | {"expect": {"flicker": "< 0"}}).json()["id"]
    ended = wait_for(client, run)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "not_as_expected")
    assert client.get(f"/v1/videos/{run}/content").headers["Content-Type"] == "video/mp4"


def test_a_run_that_takes_too_long_is_ended(tmp_path):
    from tests.service.conftest import client_of
    from vstar_sdk.service.limits import Limits

    with client_of(tmp_path, limits=Limits(seconds=0.05)) as client:
        run = client.post("/v1/runs", json=STORY | {"sampling": {"steps": 200}}).json()["id"]
        ended = wait_for(client, run)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "time_limit")


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ("prompt: [", "application/yaml", "spec:1"),
        ('{"prompt": "x", "prompt": "y"}', "application/json", "prompt"),
        ('{"prompt": "a volcano wakes up", "framse": 3}', "application/json", "spec:1:34"),
        ('{"prompt": "a volcano wakes up", "sweep": {"seed": [1, 2]}}', "application/json", "sweep"),
        ("[1]", "application/json", "mapping"),
        ("", "application/yaml", "no prompt"),
    ],
)
def test_a_wrong_spec_is_told_with_its_place(client, content, kind, words):
    answer = client.post("/v1/runs", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert client.post("/v1/runs", content=content, headers={"Content-Type": "text/plain"}).status_code == 415


def test_models_and_openapi_are_told(client):
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["miniworld"]
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/videos", "/v1/videos/{video}", "/v1/videos/{video}/content", "/v1/runs", "/health", "/metrics"} <= {*paths}
    form = paths["/v1/videos"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert {"prompt", "num_frames", "input_reference"} <= {*form}
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/docs").status_code == 404


def test_numbers_for_prometheus(client, finished):
    client.get("/nonsense-that-nobody-counts")
    text = client.get("/metrics").text
    assert 'vstar_jobs_total{state="done"}' in text
    assert 'vstar_requests_total{method="GET",route="other",status="404"}' in text
    assert "process_resident_memory_bytes" in text
    assert "nobody-counts" not in text


@pytest.mark.slow
def test_the_schema_is_told(client):
    assert client.get("/schema").json() == json_schema()
