"""Numbers for Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from vstar_sdk.service.records import Record

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_RUN_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "vstar_requests", "Requests, by method, route and status.", ("method", "route", "status"), registry=self._registry
        )
        self._latency = Histogram("vstar_request_seconds", "Time until an answer began.", ("route",), registry=self._registry)
        self._jobs = Counter("vstar_jobs", "Jobs that ended, by state.", ("state",), registry=self._registry)
        self._seconds = Histogram("vstar_job_seconds", "Time of jobs that ran.", buckets=_RUN_SECONDS, registry=self._registry)
        self._now = Gauge(
            "vstar_now", "Jobs that wait and run, jobs that are kept, open streams.", ("of",), registry=self._registry
        )

    def ended(self, record: Record, seconds: float) -> None:
        """A job has ended; ``seconds``: that it ran."""
        self._jobs.labels(record.state).inc()
        if seconds:
            self._seconds.observe(seconds)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def text(self, now: dict[str, int]) -> bytes:
        """Everything in Prometheus' format; ``now``: what is counted at this moment."""
        for name, count in now.items():
            self._now.labels(name).set(count)
        return generate_latest(self._registry)


class Counted:
    """Middleware that counts requests by their route: a path that is none is ``other``, so that nobody can fill the memory.

    Args:
        app: behind it.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in ("GET", "POST", "DELETE", "OPTIONS") else "other"
                self._metrics.answered(method, route, message["status"], time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, counted)
