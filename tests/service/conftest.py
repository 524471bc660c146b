"""A service in this process, behind its application or on a socket."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager
from typing import cast

import av
import numpy as np
import pytest
from starlette.testclient import TestClient

from vstar_sdk import Guard
from vstar_sdk.service.access import access
from vstar_sdk.service.app import create_app
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.metrics import Metrics
from vstar_sdk.service.service import Service
from vstar_sdk.service.serving import Server, address, listening

STORY = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "mp4"}]}
LIMITS = Limits(head_seconds=0.5, body=1 << 16, body_seconds=0.5, upload=1 << 15, upload_pixels=1 << 16)
ENDED = ("done", "failed", "cancelled")


class Client(TestClient):
    """A client that knows what it talks to."""

    service: Service


def application(folder, *, guard=None, limits=None, bases=None, allowed=None):
    metrics = Metrics()
    service = Service(folder, guard=guard or Guard(), limits=limits, on_end=metrics.ended)
    return create_app(service, allowed or access("127.0.0.1", token_env=None), metrics, bases or {}), service


@contextmanager
def client_of(folder, **named):
    """A client of a service that is not on a socket."""
    app, service = application(folder, **named)
    with Client(app, base_url="http://127.0.0.1:8000") as client:
        client.service = service
        yield client


@contextmanager
def served(folder, **named):
    """The address of a service on a socket."""
    app, service = application(folder, **named)
    with listening("127.0.0.1", 0) as listener:
        server = Server(app, service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address(listener)
        finally:
            service.stop()
            server.should_exit = True
            thread.join(60)


def wait_for(client, run, states=ENDED, seconds=60):
    """The run, once it is in one of the states."""
    end = time.monotonic() + seconds
    while (found := client.get(f"/v1/runs/{run}").json())["state"] not in states:
        assert time.monotonic() < end, f"the run is {found}"
        time.sleep(0.02)
    return found


def clip(frames=3, size=(16, 16), end="mp4"):
    """A video as bytes."""
    file = io.BytesIO()
    with av.open(file, "w", format={"mkv": "matroska"}.get(end, end)) as container:
        stream = cast(av.VideoStream, container.add_stream("libx264", rate=8))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for shade in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), shade, np.uint8))))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a service without special limits, for all tests of a file."""
    with client_of(tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.fixture
def small_limits():
    return Limits(queue=2, body=1 << 16, pixels=1 << 14, frames=16, steps=8)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A client of a service that takes jobs and does none."""
    folder = tmp_path_factory.mktemp("service")
    (folder.parent / "secret.txt").write_text("a secret")
    app, service = application(folder, limits=LIMITS)
    yield TestClient(app, base_url="http://127.0.0.1:8000")
    service.close()
