"""The queue: positions, priorities, limits, cancel, and requests that are sent twice. Here nothing runs: jobs only wait."""

from __future__ import annotations

import threading

import pytest
from starlette.testclient import TestClient

from tests.service.conftest import STORY, application
from vstar_sdk.service.keys import Keys
from vstar_sdk.service.limits import Limits


@pytest.fixture
def waiting(tmp_path):
    """A service whose worker is not started."""
    app, service = application(tmp_path, limits=Limits(queue=5))
    yield TestClient(app, base_url="http://127.0.0.1:8000")
    service.close()


def ask(client, priority=0, key=None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/v1/runs", json=STORY, params={"priority": priority}, headers=headers)


def positions(client):
    return {run["id"]: run["position"] for run in client.get("/v1/runs").json()["data"]}


def test_higher_priorities_come_first_then_those_that_came_first(waiting):
    low, first, second, high = (ask(waiting, priority).json()["id"] for priority in (-1, 0, 0, 5))
    assert positions(waiting) == {high: 0, first: 1, second: 2, low: 3}
    waiting.post(f"/v1/runs/{first}/cancel")
    assert positions(waiting) == {high: 0, second: 1, low: 2, first: 0}


@pytest.mark.parametrize("priority", ["11", "-11", "1e1", "x", "٣", "1" * 50])
def test_a_priority_is_a_small_whole_number(waiting, priority):
    answer = ask(waiting, priority)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "priority")


def test_a_full_queue_says_so_and_when_to_ask_again(waiting):
    made = [ask(waiting).json()["id"] for _ in range(5)]
    refused = ask(waiting)
    assert (refused.status_code, refused.json()["error"]["code"], refused.headers["Retry-After"]) == (429, "queue_full", "5")
    waiting.delete(f"/v1/runs/{made[0]}")
    assert ask(waiting).status_code == 201


def test_a_waiting_job_is_cancelled_at_once_and_its_events_end(waiting):
    run = ask(waiting).json()["id"]
    answer = waiting.post(f"/v1/runs/{run}/cancel").json()
    assert (answer["state"], answer["error"]["code"]) == ("cancelled", "cancelled")
    assert answer["finished_at"] >= answer["created_at"]
    kinds = [line[7:] for line in waiting.get(f"/v1/runs/{run}/events").text.splitlines() if line.startswith("event: ")]
    assert kinds == ["queued", "run_error"]
    assert waiting.get(f"/v1/videos/{run}").json()["status"] == "failed"
    assert waiting.post(f"/v1/runs/{run}/cancel").json() == answer


def test_a_key_makes_it_safe_to_ask_again(waiting):
    first = ask(waiting, key="story 1")
    again = ask(waiting, key="story 1")
    assert again.json()["id"] == first.json()["id"]
    assert [answer.headers.get("Idempotent-Replayed") for answer in (first, again)] == [None, "true"]
    other = waiting.post("/v1/runs", json=STORY | {"seed": 1}, headers={"Idempotency-Key": "story 1"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert ask(waiting, 1, key="story 1").status_code == 409
    assert ask(waiting, key="x" * 256).status_code == 400
    assert len(positions(waiting)) == 1
    waiting.delete(f"/v1/runs/{first.json()['id']}")
    assert ask(waiting, key="story 1").json()["id"] != first.json()["id"]


def test_the_same_key_at_the_same_time_is_one_job(waiting):
    answers, together = [], threading.Barrier(4)

    def send():
        together.wait()
        answers.append(ask(waiting, key="k").json()["id"])

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len({*answers}) == 1


def test_other_keys_do_not_wait_for_each_other():
    keys = Keys()
    with keys.alone("a"), keys.alone("b"), keys.alone(None), keys.alone(None):
        pass
    with keys.alone("a"):
        pass


def test_what_is_beyond_a_limit_is_refused_before_it_is_made(tmp_path, small_limits):
    app, service = application(tmp_path, limits=small_limits)
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    too_much = {
        "frames": {"frames": 17},
        "frames of a rate": {"frames": "100s", "fps": 99},
        "finished frames": {"frames": 16, "finish": [{"use": "interpolate", "factor": 2}]},
        "steps": {"sampling": {"steps": 9}},
        "pixels": {"size": "192x128"},
        "finished pixels": {"finish": [{"use": "upscale", "factor": 4}]},
    }
    for what, change in too_much.items():
        answer = client.post("/v1/runs", json=STORY | change)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_spec"), what
        assert "more than this service takes" in answer.json()["error"]["message"], what
    assert client.get("/v1/runs").json()["data"] == []
    service.close()


def test_the_jobs_that_ended_first_are_deleted_where_there_are_too_many(tmp_path):
    app, service = application(tmp_path, limits=Limits(kept=2))
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    made = [ask(client).json()["id"] for _ in range(4)]
    for run in made[:3]:
        client.post(f"/v1/runs/{run}/cancel")
    left = [run["id"] for run in client.get("/v1/runs?order=asc").json()["data"]]
    assert left == made[1:]
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == sorted(left)
    service.close()
