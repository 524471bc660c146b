"""A service under load: clients that ask, follow, leave, come back, cancel and delete. ``python -m benchmarks.service``

Every client keeps what it was promised; at the end the service must know each job once, each of them has ended, and the log of
each that was followed came whole, without a gap and without a repetition, however often its reader left. Memory is what the
process of the service says of itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

STORY = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}, "output": [{"use": "gif"}], "latents": False}
ENDED = ("done", "failed", "cancelled")


@dataclass
class Tally:
    """What the clients have seen.

    Attributes:
        promised: id of the job of every key that was answered.
        deleted: ids that were deleted.
        followed: jobs whose logs were read to their end.
        counts: of what was done.
        faults: what must not be.
        memory: seconds since the beginning, and bytes of the service.
    """

    promised: dict[str, str] = field(default_factory=dict[str, str])
    deleted: set[str] = field(default_factory=set[str])
    followed: int = 0
    counts: dict[str, int] = field(default_factory=dict[str, int])
    faults: list[str] = field(default_factory=list[str])
    memory: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def count(self, what: str) -> None:
        """Something was done once more."""
        self.counts[what] = self.counts.get(what, 0) + 1


class Client:
    """Somebody who uses the service in every way but the patient one.

    Args:
        http: shared by all.
        address: of the service.
        tally: of all.
        seed: of what this one does.
    """

    def __init__(self, http: httpx2.AsyncClient, address: str, tally: Tally, seed: int) -> None:
        self._http, self._address, self._tally = http, address, tally
        self._chance = random.Random(seed)  # noqa: S311

    async def live(self, until: float) -> None:
        """Ask for videos until a moment of the clock, and do something with each."""
        while time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(0, 0.5))
            run = await self._ask(until)
            if run is None:
                continue
            act = self._chance.choice(
                (self._stream, self._stream, self._socket, self._poll, self._cancel, self._delete, self._leave)
            )
            self._tally.count(act.__name__.strip("_"))
            await act(run)

    async def _ask(self, until: float) -> str | None:
        key, spec = uuid.uuid4().hex, STORY | {"seed": self._chance.randrange(1 << 30)}
        if self._chance.random() < 0.2:  # somebody whose connection breaks before the answer, and who asks again
            request = asyncio.ensure_future(self._post(key, spec))
            await asyncio.sleep(self._chance.uniform(0, 0.1))
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            self._tally.count("broken off")
        while (answer := await self._post(key, spec)).status_code == 429:
            self._tally.count("queue full")
            if time.monotonic() > until:
                return None
            await asyncio.sleep(self._chance.uniform(1, 4))
        if answer.status_code != 201:
            self._tally.faults.append(f"POST: {answer.status_code} {answer.text[:200]}")
            return None
        self._tally.promised[key] = answer.json()["id"]
        return self._tally.promised[key]

    async def _post(self, key: str, spec: dict[str, Any]) -> httpx2.Response:
        return await self._http.post(f"{self._address}/v1/runs", json=spec, headers={"Idempotency-Key": key})

    async def _stream(self, run: str) -> None:
        """Follow by server-sent events, leave now and then, and come back where it was."""
        got: list[dict[str, Any]] = []
        while True:
            leave = self._chance.randint(1, 6) if self._chance.random() < 0.7 else 1 << 30
            headers = {"Last-Event-ID": str(got[-1]["number"])} if got else {}
            async with self._http.stream("GET", f"{self._address}/v1/runs/{run}/events", headers=headers) as answer:
                if answer.status_code == 429:
                    await asyncio.sleep(1)
                    continue
                if answer.status_code == 204:
                    break
                async for line in answer.aiter_lines():
                    if line.startswith("data: "):
                        got.append(json.loads(line[6:]))
                        leave -= 1
                    if not leave:
                        self._tally.count("came back")
                        break
        self._whole(run, got)

    async def _socket(self, run: str) -> None:
        """Follow by a WebSocket, leaving once."""
        got: list[dict[str, Any]] = []
        address = self._address.replace("http", "ws", 1)
        for leave in (self._chance.randint(1, 6), 1 << 30):
            since = got[-1]["number"] + 1 if got else 0
            async with connect(f"{address}/v1/runs/{run}/events?since={since}", compression=None) as socket:
                try:
                    for _ in range(leave):
                        got.append(json.loads(await socket.recv()))
                except ConnectionClosed:
                    continue
        self._whole(run, got)

    def _whole(self, run: str, got: list[dict[str, Any]]) -> None:
        if [event["number"] for event in got] != [*range(len(got))]:
            self._tally.faults.append(f"{run}: events {[event['number'] for event in got]}")
        if not got or got[-1]["kind"] not in ("run_end", "run_error"):
            self._tally.faults.append(f"{run}: the log ends with {got[-1]['kind'] if got else 'nothing'}")
        self._tally.followed += 1

    async def _poll(self, run: str) -> None:
        while (await self._http.get(f"{self._address}/v1/runs/{run}")).json()["state"] not in ENDED:
            await asyncio.sleep(self._chance.uniform(0.2, 1))

    async def _cancel(self, run: str) -> None:
        await asyncio.sleep(self._chance.uniform(0, 1))
        await self._http.post(f"{self._address}/v1/runs/{run}/cancel")

    async def _delete(self, run: str) -> None:
        await asyncio.sleep(self._chance.uniform(0, 1))
        answer = await self._http.delete(f"{self._address}/v1/runs/{run}")
        if answer.status_code != 200:
            self._tally.faults.append(f"DELETE {run}: {answer.status_code}")
        self._tally.deleted.add(run)

    async def _leave(self, run: str) -> None:
        """Never ask for it again."""


async def memory(http: httpx2.AsyncClient, address: str, tally: Tally) -> None:
    """Look at the memory of the service every two seconds."""
    began = time.monotonic()
    while True:
        text = (await http.get(f"{address}/metrics")).text
        found = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
        assert found is not None
        tally.memory.append((time.monotonic() - began, float(found[1])))
        await asyncio.sleep(2)


async def all_jobs(http: httpx2.AsyncClient, address: str) -> dict[str, str]:
    """Every job of the service and its state, page by page."""
    jobs: dict[str, str] = {}
    after: dict[str, str] = {}
    while True:
        page = (await http.get(f"{address}/v1/runs", params={"limit": "100", "order": "asc"} | after)).json()
        for run in page["data"]:
            assert run["id"] not in jobs, "a job was listed twice"
            jobs[run["id"]] = run["state"]
        if not page["has_more"]:
            return jobs
        after = {"after": page["last_id"]}


async def load(address: str, clients: int, minutes: float) -> tuple[Tally, dict[str, str]]:
    """Let clients use a service, and wait for what they have left behind."""
    tally = Tally()
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=clients)
    async with httpx2.AsyncClient(limits=limits, timeout=120) as http:
        first = await http.post(f"{address}/v1/runs", json=STORY)  # libraries and the model are in memory from here on
        while (await http.get(f"{address}/v1/runs/{first.json()['id']}")).json()["state"] not in ENDED:
            await asyncio.sleep(0.1)
        await http.delete(f"{address}/v1/runs/{first.json()['id']}")
        watcher = asyncio.ensure_future(memory(http, address, tally))
        until = time.monotonic() + 60 * minutes
        await asyncio.gather(*(Client(http, address, tally, seed).live(until) for seed in range(clients)))
        while {*(jobs := await all_jobs(http, address)).values()} - {*ENDED}:
            await asyncio.sleep(0.5)
        watcher.cancel()
    return tally, jobs


def check(tally: Tally, jobs: dict[str, str]) -> list[str]:
    """What was lost, doubled or left undone."""
    promised = [*tally.promised.values()]
    faults = [*tally.faults]
    if len({*promised}) != len(promised):
        faults.append("one job was promised twice")
    if lost := {*promised} - tally.deleted - {*jobs}:
        faults.append(f"lost: {len(lost)}")
    if back := tally.deleted & {*jobs}:
        faults.append(f"deleted and there again: {len(back)}")
    if failed := [job for job, state in jobs.items() if state == "failed"]:
        faults.append(f"failed: {len(failed)}")
    return faults


def report(tally: Tally, jobs: dict[str, str], clients: int, minutes: float) -> None:
    """Print a table."""
    strangers = {*jobs} - {*tally.promised.values()}  # asked for by a request that broke off, and never asked for again
    third = max(1, len(tally.memory) // 3)
    first, last = (statistics.median(size for _, size in part) / 2**20 for part in (tally.memory[:third], tally.memory[-third:]))
    states = {state: [*jobs.values()].count(state) for state in ENDED}
    rows = {
        "clients · minutes": f"{clients} · {minutes:g}",
        "jobs promised · deleted": f"{len(tally.promised)} · {len(tally.deleted)}",
        "kept: done · cancelled · failed": f"{states['done']} · {states['cancelled']} · {states['failed']}",
        "requests broken off and sent again · refused, the queue was full": (
            f"{tally.counts.get('broken off', 0)} · {tally.counts.get('queue full', 0)}"
        ),
        "of requests that were broken off for good": f"{len(strangers)}",
        "logs followed to their end · returns in the middle": f"{tally.followed} · {tally.counts.get('came back', 0)}",
        "memory of the service, first · last third of the time": f"{first:.0f} · {last:.0f} MiB",
        "lost, doubled, torn": "; ".join(check(tally, jobs)) or "nothing",
    }
    print("| | |\n|---|---|")
    for what, figure in rows.items():
        print(f"| {what} | {figure} |")


def main() -> None:
    """Start a service, load it, and print what became of it; the exit code is 1 where something was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vstar_sdk.cli.main", "serve", "--port", "0", "--folder", str(Path(folder) / "service")]
        command += ["--limit", "kept=1000000"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            tally, jobs = asyncio.run(load(process.stdout.readline().strip(), given.clients, given.minutes))
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(60)
    report(tally, jobs, given.clients, given.minutes)
    sys.exit(1 if ended or check(tally, jobs) else 0)


if __name__ == "__main__":
    main()
