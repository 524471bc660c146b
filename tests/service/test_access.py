"""Who is let in: names, origins, CORS and the token."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.service.conftest import STORY, application
from vstar_sdk import SpecError
from vstar_sdk.service import access as access_module
from vstar_sdk.service.access import access, host_name
from vstar_sdk.service.limits import Limits

TOKEN = "a-token-of-many-letters"
ANY = "0.0.0.0"  # noqa: S104


@pytest.fixture(scope="module")
def guarded_by_token(tmp_path_factory):
    allowed = access(ANY, token_env="T", environment={"T": TOKEN}, names=["studio.example"], origins=["https://page.example"])
    app, service = application(tmp_path_factory.mktemp("service"), allowed=allowed)
    yield TestClient(app, base_url="http://10.0.0.7:8000")
    service.close()


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8000", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("10.0.0.7", False),
        ("0.0.0.0", False),  # noqa: S104
        ("[::1", False),
        ("[::1]evil.example", False),
        ("localhost:80x", False),
        ("lоcalhost", False),  # a Cyrillic letter
        ("", False),
    ],
)
def test_only_names_of_the_service_are_answered(waiting, host, known):
    assert access("127.0.0.1", token_env=None).knows(host) is known
    answer = waiting.get("/health", headers={"Host": host.encode()})
    assert answer.status_code == (200 if known else 421)


def test_beyond_this_machine_addresses_and_named_hosts_are_known():
    open_to_all = access(ANY, token_env="T", environment={"T": TOKEN}, names=["Studio.example"])
    assert [open_to_all.knows(host) for host in ("10.0.0.7:80", "studio.EXAMPLE", "[fe80::1]", "other.example")] == [
        True,
        True,
        True,
        False,
    ]
    assert host_name("[::1]:80") == "::1"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "http://127.0.0.1:9000"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "127.0.0.1:8000"}, 403),
        ({"Origin": "http://127.0.0.1:8000.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
    ],
)
def test_pages_of_other_origins_are_refused(waiting, headers, status):
    assert waiting.get("/v1/videos", headers=headers).status_code == status
    if status == 403:
        assert waiting.post("/v1/runs", json=STORY, headers=headers).status_code == 403
        with pytest.raises(WebSocketDisconnect) as closed, waiting.websocket_connect("ws://127.0.0.1:8000/x", headers=headers):
            pass
        assert closed.value.code == 1008


def test_a_page_cannot_send_by_navigating(waiting):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert waiting.post("/v1/videos", data={"prompt": "x"}, headers=headers).status_code == 403


def test_two_hosts_or_origins_are_none(waiting):
    for name, values in (("Host", ["127.0.0.1", "127.0.0.1"]), ("Origin", ["http://127.0.0.1:8000"] * 2)):
        headers = [*([("Host", "127.0.0.1:8000")] if name == "Origin" else []), *((name, value) for value in values)]
        assert waiting.get("/health", headers=headers).status_code in (403, 421)


def test_cors_is_off(waiting):
    answer = waiting.options("/v1/videos", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert waiting.get("/health").headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_allowed_page_may_ask_and_still_needs_the_token(guarded_by_token):
    page = {"Origin": "https://page.example"}
    first = guarded_by_token.options("/v1/videos", headers=page | {"Access-Control-Request-Method": "POST"})
    assert (first.status_code, first.headers["Access-Control-Allow-Origin"]) == (204, "https://page.example")
    assert "Access-Control-Allow-Credentials" not in first.headers
    assert guarded_by_token.get("/v1/videos", headers=page).status_code == 401
    assert guarded_by_token.get("/v1/videos", headers=page | {"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
    ],
)
def test_a_token_is_needed(guarded_by_token, header, status):
    headers = {"Authorization": header} if header is not None else {}
    answer = guarded_by_token.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert guarded_by_token.get("/health", headers=headers).status_code == 200
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        with pytest.raises(WebSocketDisconnect), guarded_by_token.websocket_connect("ws://10.0.0.7:8000/v1/runs/x/events"):
            pass


def test_a_token_is_compared_by_its_digest_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(access_module.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or hmac_compare(a, b))
    known = access("127.0.0.1", token_env="T", environment={"T": TOKEN})
    for given in (None, "", "Bearer a", f"Bearer {TOKEN}", "Bearer " + "x" * 10_000):
        known.lets_in(given)
    assert len(compared) == 5
    assert {(len(given), len(right)) for given, right in compared} == {(32, 32)}
    assert compared[3][0] == hashlib.sha256(TOKEN.encode()).digest()


hmac_compare = hmac.compare_digest


@pytest.mark.parametrize("value", ["", "short"])
def test_beyond_this_machine_there_is_no_service_without_a_token(value):
    with pytest.raises(SpecError, match="a token is required"):
        access(ANY, token_env=None)
    with pytest.raises(SpecError, match="holds no token"):
        access(ANY, token_env="T", environment={"T": value})
    with pytest.raises(SpecError, match="write scheme and host"):
        access("127.0.0.1", token_env=None, origins=["*"])


def test_answers_forbid_browsers_what_they_need_not_do(waiting):
    headers = waiting.get("/v1/videos").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "server" not in headers


def test_there_are_only_so_many_streams(tmp_path):
    app, service = application(tmp_path, limits=Limits(streams=1))
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    run = client.post("/v1/runs", json=STORY).json()["id"]
    with client.websocket_connect(f"ws://127.0.0.1:8000/v1/runs/{run}/events") as socket:
        assert socket.receive_json()["kind"] == "queued"
        answer = client.get(f"/v1/runs/{run}/events")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_streams")
        client.delete(f"/v1/runs/{run}")
    service.close()
