"""A service that ends, in whatever way, and starts again on the same folder."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.service.conftest import ENDED, STORY, application, client_of, wait_for
from vstar_sdk import OutputError
from vstar_sdk.output.digests import digest
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.logs import JobLog
from vstar_sdk.service.shelf import Shelf

LONG = STORY | {"seed": 3, "sampling": {"steps": 10, "eta": 1.0}, "output": [{"use": "gif"}]}


def test_a_service_that_is_stopped_goes_on_with_the_same_bytes_and_the_same_log(tmp_path, session):
    whole = session.run(LONG, out=tmp_path / "whole").directory
    with client_of(tmp_path / "service") as client:
        keyed = {"Idempotency-Key": "one"}
        run, later = (
            client.post("/v1/runs", json=spec, headers=head).json()["id"] for spec, head in ((LONG, keyed), (STORY, {}))
        )
        gone = client.post("/v1/runs", json=STORY).json()["id"]
        client.delete(f"/v1/runs/{gone}")
        while client.get(f"/v1/runs/{run}").json()["progress"] < 0.3:
            time.sleep(0.01)
    with client_of(tmp_path / "service") as client:
        assert client.get(f"/v1/runs/{run}").json()["progress"] >= 0.3
        assert client.post("/v1/runs", json=LONG, headers=keyed).json()["id"] == run
        assert client.get(f"/v1/runs/{gone}").status_code == 404
        assert [wait_for(client, one)["state"] for one in (run, later)] == ["done", "done"]
        lines = [line for line in client.get(f"/v1/runs/{run}/events").text.splitlines() if line.startswith("data: ")]
        directory = client.service.folder(client.service.record(run))
        assert client.service.record(run).attempts == 1
    events = [json.loads(line[6:]) for line in lines]
    assert [event["number"] for event in events] == [*range(len(events))]
    steps = [event["step"] for event in events if event["kind"] == "step"]
    assert steps == sorted(steps)
    assert steps[-1] == 10
    assert len(steps) < 20
    assert [event["kind"] for event in events].count("run_end") == 1
    assert "run_error" not in [event["kind"] for event in events]
    for name in ("video.gif", "latents.safetensors"):
        assert digest(directory / name) == digest(whole / name)


def test_a_run_that_ends_the_service_again_and_again_is_told_as_failed(tmp_path):
    app, service = application(tmp_path, limits=Limits(attempts=2))
    run = TestClient(app, base_url="http://127.0.0.1:8000").post("/v1/runs", json=STORY).json()["id"]
    record = service.record(run)
    service.close()
    shelf = Shelf(tmp_path)
    shelf.write(replace(record, state="running", attempts=2))
    shelf.close()
    with client_of(tmp_path, limits=Limits(attempts=2)) as client:
        found = client.get(f"/v1/runs/{run}").json()
        assert (found["state"], found["error"]["code"]) == ("failed", "interrupted")
        assert "2 times" in found["error"]["message"]
        assert "event: run_error" in client.get(f"/v1/runs/{run}/events").text


@pytest.mark.slow
def test_a_run_whose_state_is_of_other_versions_is_told_as_failed(tmp_path):
    with client_of(tmp_path) as client:
        run = client.post("/v1/runs", json=LONG).json()["id"]
        while client.get(f"/v1/runs/{run}").json()["progress"] < 0.3:
            time.sleep(0.01)
    about = tmp_path / "jobs" / run / "run" / "state" / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"versions": {"torch": "1.0"}}))
    with client_of(tmp_path) as client:
        ended = wait_for(client, run)
        last = client.get(f"/v1/runs/{run}/events").text.split("\n\n")[-2]
    assert (ended["state"], ended["error"]["code"]) == ("failed", "output_failed")
    assert "torch 1.0" in ended["error"]["message"]
    assert last.startswith("event: run_error")


@pytest.mark.slow
def test_a_run_that_was_whole_when_the_service_was_killed_is_done_and_its_log_says_so(tmp_path):
    with client_of(tmp_path) as client:
        run = client.post("/v1/runs", json=STORY).json()["id"]
        wait_for(client, run)
        record = client.service.record(run)
    shelf = Shelf(tmp_path)
    shelf.write(replace(record, state="running", finished=None))
    log = tmp_path / "jobs" / run / "events.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    shelf.close()
    with client_of(tmp_path) as client:
        assert wait_for(client, run)["state"] == "done"
        assert "event: run_end" in client.get(f"/v1/runs/{run}/events").text


def test_two_services_do_not_share_a_folder(tmp_path):
    _, service = application(tmp_path)
    with pytest.raises(OutputError, match="another service uses"):
        application(tmp_path)
    service.close()
    application(tmp_path)[1].close()


def test_what_was_never_promised_is_swept_and_a_damaged_job_is_told(tmp_path):
    app, service = application(tmp_path)
    run = TestClient(app, base_url="http://127.0.0.1:8000").post("/v1/runs", json=STORY).json()["id"]
    service.close()
    (half := tmp_path / "jobs" / f"video_{'0' * 32}").mkdir()
    (half / "spec.yaml").write_text("prompt: x")
    application(tmp_path)[1].close()
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == [run]
    (tmp_path / "jobs" / run / "job.json").write_text("{}")
    with pytest.raises(OutputError, match=r"job\.json cannot be read"):
        application(tmp_path)


def test_a_torn_line_of_a_log_is_dropped(tmp_path):
    path = tmp_path / "events.jsonl"
    log = JobLog(path)
    log.append({"kind": "a"})
    with path.open("ab") as file:
        file.write(b'{"kind": "b", "numb')
    log = JobLog(path)
    log.append({"kind": "c"})
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
        {"kind": "a", "number": 0},
        {"kind": "c", "number": 1},
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("seed", range(3))
def test_a_service_that_is_killed_in_the_middle_of_ten_jobs_finishes_each_or_says_that_it_failed(session, tmp_path, seed):
    chance = random.Random(seed)  # noqa: S311
    specs = [LONG | {"seed": number} for number in range(10)]
    wanted = [digest(session.run(spec, out=tmp_path / f"whole-{n}").directory / "video.gif") for n, spec in enumerate(specs)]
    process, address = started(tmp_path)
    runs = [httpx2.post(f"{address}/v1/runs", json=spec, timeout=60).json()["id"] for spec in specs]
    for _ in range(4):
        time.sleep(chance.uniform(1, 4))
        process.kill()
        process.wait()
        process, address = started(tmp_path)
        assert {run["id"] for run in httpx2.get(f"{address}/v1/runs").json()["data"]} == {*runs}
    try:
        ended = [polled(address, run) for run in runs]
        for run, one, same in zip(runs, ended, wanted, strict=True):
            assert one["state"] == "done" or (one["state"], one["error"]["code"]) == ("failed", "interrupted")
            if one["state"] == "done":
                content = httpx2.get(f"{address}/v1/runs/{run}/files/video.gif").content
                (tmp_path / "got.gif").write_bytes(content)
                assert digest(tmp_path / "got.gif") == same
        assert [one["state"] for one in ended].count("done") >= 8
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def started(folder):
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "serve", "--port", "0", "--folder", "service"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def polled(address, run):
    while (found := httpx2.get(f"{address}/v1/runs/{run}").json())["state"] not in ENDED:
        time.sleep(0.1)
    return found
