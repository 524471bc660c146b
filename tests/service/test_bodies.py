"""Bodies that are too large, too slow, packed, or bombs."""

from __future__ import annotations

import socket
import time
import zlib

import pytest

from tests.service.conftest import LIMITS, served


def raw(address, head, pieces=(), pause=0.0):
    """The answer to a request of these bytes."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        try:
            sock.sendall(head)
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # it has answered and gone
        answer = b""
        try:
            while piece := sock.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


def head(address, *lines):
    host = address.removeprefix("http://")
    return "\r\n".join(["POST /v1/runs HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *lines, "", ""]).encode()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), limits=LIMITS) as address:
        yield address


def test_a_body_that_is_announced_too_large_is_not_read(address):
    answer = raw(address, head(address, "Content-Length: 99999999999"), [b"{"])
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer


def test_an_endless_body_is_cut_off(address):
    pieces = (b"8000\r\n" + b"x" * 0x8000 + b"\r\n" for _ in range(1000))
    answer = raw(address, head(address, "Transfer-Encoding: chunked"), pieces)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_drips_is_cut_off(address):
    began = time.monotonic()
    answer = raw(address, head(address, "Transfer-Encoding: chunked"), (b"1\r\n \r\n" for _ in range(100)), pause=0.05)
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 100 * 0.05 + 10


@pytest.mark.parametrize("first", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
def test_a_head_that_never_ends_is_cut_off(address, first):
    """Also that of a second request."""
    slow = raw(address, first + b"GET /v1/runs HTTP/1.1\r\n", (b"X: y\r\n" for _ in range(100)), pause=0.05)
    assert slow.count(b"HTTP/1.1") == bool(first)
    large = raw(address, first + b"GET /v1/runs HTTP/1.1\r\n", (b"X: " + b"y" * 10_000 + b"\r\n" for _ in range(10)))
    assert large.startswith(b"HTTP/1.1 200" if first else b"HTTP/1.1 400")


def test_a_body_that_is_no_form_has_the_size_of_a_spec_at_most(waiting):
    spec = {"prompt": "x" * (1 << 16)}
    assert waiting.post("/v1/runs", json=spec).status_code == 413


def test_a_packed_body_is_refused_whatever_it_would_unpack_to(waiting):
    bomb = zlib.compress(b" " * 10_000_000)
    answer = waiting.post("/v1/runs", content=bomb, headers={"Content-Type": "application/json", "Content-Encoding": "deflate"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "packed_body")


@pytest.mark.parametrize(
    "content",
    [
        "[" * 60_000,
        '{"prompt": ' + "9" * 50_000 + "}",
        "a: &a [x]\nb: *a",
        "prompt: !!python/object/apply:os.system [id]",
        '{"prompt": "x", "frames": 1e999}',
    ],
)
def test_a_spec_that_is_a_bomb_is_refused(waiting, content):
    for kind in ("application/json", "application/yaml"):
        assert waiting.post("/v1/runs", content=content, headers={"Content-Type": kind}).status_code == 400


def test_a_form_of_too_many_parts_is_refused(waiting):
    many = {f"field{number}": "x" for number in range(100)} | {"prompt": "x"}
    answer = waiting.post("/v1/videos", files={name: (None, value) for name, value in many.items()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    two = [("prompt", (None, "x")), ("input_reference", ("a.png", b"x")), ("input_reference", ("b.png", b"x"))]
    assert waiting.post("/v1/videos", files=two).status_code == 400
