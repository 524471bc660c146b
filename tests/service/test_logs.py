"""The log of a job: many readers, from anywhere, who leave when they like."""

from __future__ import annotations

import asyncio
import json
import threading

from vstar_sdk.service.logs import JobLog


def numbered(events):
    return [event if event is None else (event[0], json.loads(event[1])["kind"]) for event in events]


def test_readers_read_from_anywhere_while_it_is_written_by_another_thread(tmp_path):
    log = JobLog(tmp_path / "events.jsonl")
    log.append({"kind": "a"})

    def write():
        for kind in "bcd":
            log.append({"kind": kind})
        log.end()

    async def read(since):
        return [event async for event in log.follow(since)]

    async def all_of_them():
        readers = [asyncio.ensure_future(read(since)) for since in (0, 2, 3, 4, -5)]
        await asyncio.sleep(0)
        threading.Thread(target=write).start()
        return await asyncio.gather(*readers)

    everything = [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert [numbered(read) for read in asyncio.run(all_of_them())] == [everything, everything[2:], everything[3:], [], everything]
    assert [json.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()] == [
        {"kind": kind, "number": number} for number, kind in everything
    ]


def test_a_reader_is_told_that_nothing_is_new_and_leaves_nothing_behind(tmp_path):
    log = JobLog(tmp_path / "events.jsonl")

    async def wait():
        events = log.follow(idle=0.01)
        first = await anext(events)
        log.append({"kind": "a"})
        second = await anext(events)
        await events.aclose()
        return [first, second]

    assert numbered(asyncio.run(wait())) == [None, (0, "a")]
    assert len(vars(log)["_wakers"]) == 0


def test_it_says_when_nothing_will_come(tmp_path):
    log = JobLog(tmp_path / "events.jsonl")
    log.append({"kind": "a"})
    assert not log.ends_before(1)
    assert not log.tells_the_end
    log.append({"kind": "run_end"})
    log.end()
    assert [log.ends_before(since) for since in (1, 2, 3)] == [False, True, True]
    assert log.tells_the_end
    assert len(JobLog(tmp_path / "events.jsonl", ended=True)) == 2
