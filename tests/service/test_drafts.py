"""What can be asked of a spec before it is a job, and one state of a finished run made again."""

from __future__ import annotations

import pytest
import yaml

from tests.service.conftest import STORY, wait_for

LONG = STORY | {"frames": 12, "sampling": {"steps": 1}}


def test_a_plan_says_which_frames_each_state_rules(client):
    states = [
        {"caption": "a volcano is calm under a blue sky", "at": 0},
        {"caption": "a volcano is erupting under a red sky", "at": 8},
    ]
    plan = client.post("/v1/plan", json=LONG | {"synopsis": {"states": states}}).json()
    assert [(one["anchor"], one["rules"]) for one in plan["states"]] == [(0, [0, 3]), (8, [4, 11])]
    assert (plan["frames"], plan["steps"], plan["parts"]["regularizers"], plan["parts"]["output"]) == (12, 1, ["tar"], ["mp4"])
    assert (plan["kept"], plan.get("costs")) == (None, None)


def test_a_plan_is_guarded_and_says_what_is_wrong(client):
    for wrong, word in (
        ({"framse": 3}, "framse"),
        ({"model": {"use": "wan", "path": "/etc"}}, "guarded"),
        ({"start": {"from": "/etc", "keep": 0}}, "guarded"),
    ):
        answer = client.post("/v1/plan", json=LONG | wrong)
        assert answer.status_code == 400
        assert word in answer.json()["error"]["message"]


def test_a_plan_makes_no_job(client):
    before = client.get("/v1/runs").json()["data"]
    assert client.post("/v1/plan", json=LONG).status_code == 200
    assert client.get("/v1/runs").json()["data"] == before


@pytest.mark.slow
def test_costs_are_bytes_and_operations(client):
    costs = client.post("/v1/plan?costs=true", json=LONG).json()["costs"]
    assert costs["peak_bytes"] > costs["weights_bytes"] / 2 > 0
    assert costs["operations"] > 10**9


def test_a_spec_is_converted_both_ways_and_need_not_be_valid(client):
    text = "prompt: a\nregularizers:\n- use: tar\n  sigma: {0: 1}\nnonsense: ['1']\n"
    answer = client.post("/v1/convert", content=text, headers={"Content-Type": "application/yaml"}).json()
    assert answer["data"] == {"prompt": "a", "regularizers": [{"use": "tar", "sigma": {"0": 1}}], "nonsense": ["1"]}
    back = client.post("/v1/convert", json=answer["data"]).json()
    assert yaml.safe_load(back["yaml"]) == answer["data"] == back["data"]
    wrong = client.post("/v1/convert", content="a: [", headers={"Content-Type": "application/yaml"})
    assert (wrong.status_code, "spec:1" in wrong.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {b: .inf}", "a.b is not a finite number"),
        ("a: [1, .nan]", "a[1] is not a finite number"),
        ("seed: 9007199254740992", "seed is a whole number beyond 9007199254740991"),
        ('a: "\\ud800"', "a has an invalid character"),
    ],
)
def test_what_a_browser_would_change_silently_is_not_converted(client, text, words):
    answer = client.post("/v1/convert", content=text, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.fixture(scope="module")
def finished(client):
    return wait_for(client, client.post("/v1/runs", json=LONG).json()["id"])


def spec_of(client, run):
    return yaml.safe_load(client.get(f"/v1/runs/{run}/spec").text)


def test_one_state_is_made_again_and_the_frames_of_the_others_stay(client, finished):
    answer = client.post(f"/v1/runs/{finished['id']}/redo", json={"state": 3, "caption": "a volcano is smoking under a red sky"})
    assert answer.status_code == 201
    spec = spec_of(client, answer.json()["id"])
    assert (spec["synopsis"]["states"][2]["caption"], spec["seed"]) == ("a volcano is smoking under a red sky", 0)
    assert spec["start"]["keep"] == "0-7"


@pytest.mark.slow
def test_an_anchor_is_moved_and_only_frames_whose_text_stays_are_kept(client, finished):
    made = client.post(f"/v1/runs/{finished['id']}/redo", json={"state": 3, "at": 9})
    spec = spec_of(client, made.json()["id"])
    assert [one["at"] for one in spec["synopsis"]["states"]] == [0, 5, 9]
    assert (spec["start"]["keep"], spec["seed"]) == ("0-5", 0)
    assert wait_for(client, made.json()["id"])["state"] == "done"


def test_what_cannot_be_made_again_is_told(client, finished):
    for body, status, word in (
        ({"state": 9}, 400, "states 1 to 3"),
        ({"state": 0}, 400, "state"),
        ({"state": 1, "nonsense": 1}, 400, "nonsense"),
    ):
        answer = client.post(f"/v1/runs/{finished['id']}/redo", json=body)
        assert (answer.status_code, word in answer.json()["error"]["message"]) == (status, True)
    assert client.post(f"/v1/runs/video_{'0' * 32}/redo", json={"state": 1}).status_code == 404
