"""HEAD: players, load balancers and `curl -I` ask what there is before they fetch it."""

from __future__ import annotations

import httpx2
import pytest

from tests.service.conftest import STORY, served


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with (
        served(tmp_path_factory.mktemp("service")) as address,
        httpx2.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/v1/runs", "/metrics", "/studio/layout.css", "/v1/runs/nothing"])
def test_a_head_is_that_of_get_without_a_body(client, path):
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.headers["Content-Type"]) == (got.status_code, got.headers["Content-Type"])
    assert head.content == b""


def test_a_video_tells_its_size_and_its_ranges_and_a_stream_of_events_is_not_held_open(client):
    run = client.post("/v1/runs", json=STORY | {"sampling": {"steps": 100}}).json()["id"]
    assert client.head(f"/v1/runs/{run}/events").headers["Content-Type"].startswith("text/event-stream")
    assert 'of="streams"} 0.0' in client.get("/metrics").text
    assert client.post(f"/v1/runs/{run}/cancel").json()["state"] in ("queued", "running", "cancelled")
    made = client.post("/v1/runs", json=STORY).json()["id"]
    assert client.get(f"/v1/runs/{made}/events").status_code == 200
    video, head = client.get(f"/v1/videos/{made}/content"), client.head(f"/v1/videos/{made}/content")
    assert head.headers["Content-Length"] == str(len(video.content))
    assert head.headers["Accept-Ranges"] == "bytes"
