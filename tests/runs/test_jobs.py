"""Jobs: the queue, the log of events, cancel, and waiting in threads and event loops."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import vstar_sdk
from vstar_sdk import RunCancelled, Session, SpecError, VstarError, events, hookimpl
from vstar_sdk.runs.log import EventLog

STORY = {"prompt": "a landscape from winter to autumn", "frames": 4, "sampling": {"steps": 2}}


class Gate:
    """A plugin that holds a run at its first step."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    @hookimpl
    def on_step(self, event):
        self.reached.set()
        assert self.opened.wait(60)


@pytest.fixture
def held(session):
    """A run that is held at its first step while the test lasts."""
    gate = Gate()
    job = session.start(STORY, plugins=[gate])
    assert gate.reached.wait(60)
    yield job
    gate.opened.set()
    job.result()


def test_a_job_tells_its_state_progress_and_id(session):
    job = session.start(STORY)
    seen = [(event.kind, job.state, job.progress) for event in job.events()]
    assert job.result().id == job.id
    assert (job.state, job.progress, job.position, job.done) == ("done", 1.0, 0, True)
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)
    assert {event.run for event in job.events()} == {job.id}


def test_jobs_take_turns_in_the_order_in_which_they_came(session, held):
    second, third = session.start(STORY), session.start(STORY)
    assert (held.state, held.position) == ("running", 0)
    assert [(job.state, job.position, job.progress) for job in (second, third)] == [("queued", 1, 0.0), ("queued", 2, 0.0)]
    assert [(event.kind, event.position) for event in (next(second.events()), next(third.events()))] == [
        ("queued", 1),
        ("queued", 2),
    ]
    second.cancel()
    assert third.position == 1
    third.cancel()


def test_a_queued_job_is_cancelled_at_once_and_never_begins(session, held):
    told = []

    class Watcher:
        @hookimpl
        def on_run_start(self, event):
            told.append(event)

        @hookimpl
        def on_run_error(self, event):
            told.append(event)

    job = session.start(STORY, plugins=[Watcher()])
    job.cancel()
    assert not held.done
    assert (job.state, job.done) == ("cancelled", True)
    assert [event.kind for event in job.events()] == ["queued", "run_error"]
    with pytest.raises(RunCancelled, match="before it started"):
        job.result(timeout=0)
    assert told == []


def test_events_are_a_log_that_many_readers_read_from_any_point(session):
    job = session.start(STORY)
    read = [[] for _ in range(3)]

    def reader(into):
        into.extend(job.events())

    threads = [threading.Thread(target=reader, args=(into,)) for into in read]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = list(job.events())
    assert read == [everything] * 3
    assert [event.number for event in everything] == list(range(len(everything)))
    assert list(job.events(since=5)) == everything[5:]
    times = [event.time for event in everything]
    assert abs(times[0] - time.time()) < 600
    assert times == sorted(times)


def test_hooks_receive_the_events_of_the_log(session):
    seen = []

    class Watcher:
        @hookimpl
        def on_step(self, event):
            seen.append(event)

    job = session.start(STORY, plugins=[Watcher()])
    assert [event for event in job.events() if event.kind == "step"] == seen


def test_an_event_loop_follows_jobs_and_awaits_results(session):
    async def follow(job):
        return [event async for event in job]

    async def both():
        first, second = session.start(STORY), session.start(STORY | {"seed": 1})
        logs = await asyncio.gather(follow(first), follow(second), follow(second))
        return first, logs, (await first, await second), [event async for event in second.aevents(since=3)]

    first, logs, results, later = asyncio.run(both())
    assert logs[0] == list(first.events())
    assert logs[1] == logs[2]
    assert later == logs[1][3:]
    assert [result.spec.seed for result in results] == [0, 1]


def test_giving_up_waiting_does_not_cancel_the_run(session):
    async def impatient(job):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(_wait(job)), 0.01)

    async def _wait(job):
        return await job

    job = session.start(STORY)
    asyncio.run(impatient(job))
    assert len(list(job.result().frames())) == 4


def test_a_reader_that_leaves_half_way_hurts_nobody(session):
    async def one(job):
        async for event in job:
            return event
        return None

    job = session.start(STORY)
    assert asyncio.run(one(job)) is next(job.events())
    assert job.result().id == job.id


def test_callbacks_are_called_once_with_the_job(session):
    called = []
    job = session.start(STORY)
    job.add_done_callback(lambda ended: called.append((ended, ended.state)))
    job.result()
    for _ in job.events():
        pass
    job.add_done_callback(lambda ended: called.append((ended, ended.state)))
    assert called == [(job, "done")] * 2


def test_a_callback_may_read_the_events_to_their_end(session):
    read: list[str] = []
    first = session.start(STORY)
    first.add_done_callback(lambda ended: read.extend(event.kind for event in ended.events()))
    session.start(STORY).result(timeout=60)
    assert read[-1] == "run_end"
    assert read == [event.kind for event in first.events()]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_a_callback_raises_is_logged_and_the_next_run_begins(session, error, caplog):
    def fail(ended):
        raise error

    first = session.start(STORY)
    first.add_done_callback(fail)
    assert session.start(STORY).result(timeout=60)
    assert f"a callback of the run {first.id} failed" in caplog.text


def test_events_from_before_the_beginning_are_all_events(session):
    job = session.start(STORY)
    assert [event.kind for event in job.events(since=-3)] == [event.kind for event in job.events()]


@pytest.mark.parametrize("spec", [None, 3, ["a prompt"], b"a prompt"])
def test_what_is_no_spec_is_told(session, spec):
    with pytest.raises(SpecError, match="a spec is a path, a prompt, a mapping or a RunSpec"):
        session.run(spec)


def test_plugins_are_a_list(session):
    with pytest.raises(SpecError, match="plugins: must be a list"):
        session.run(STORY, plugins="longvideo")


def test_waiting_has_an_end(session, held):
    with pytest.raises(TimeoutError, match=r"not done after 0\.01 s"):
        held.result(timeout=0.01)


def test_a_failed_job_says_so_in_state_event_and_result(session):
    class Breaks:
        @hookimpl
        def transform_latents(self, latents, step, steps, timestep):
            raise ValueError("no")

    job = session.start(STORY, plugins=[Breaks()])
    with pytest.raises(vstar_sdk.PluginError):
        job.result()
    assert job.state == "failed"
    last = list(job.events())[-1]
    assert isinstance(last, events.RunFailed)
    assert last.json()["error"]["exit_code"] == 3
    assert last.json()["error"]["type"] == "PluginError"


async def _followed(job):
    return [event async for event in job]


async def _awaited(job):
    return await job


@pytest.mark.parametrize(
    "wait",
    [
        lambda job: job.result(),
        lambda job: list(job.events()),
        lambda job: asyncio.run(_followed(job)),
        lambda job: asyncio.run(_awaited(job)),
    ],
    ids=["result", "events", "async for", "await"],
)
def test_a_run_that_waits_for_one_of_its_own_session_is_refused_and_not_hung(session, wait):
    refused: list[str] = []

    class Nested:
        @hookimpl
        def on_run_end(self, event):
            job = session.start(STORY)
            try:
                wait(job)
            except VstarError as error:
                refused.append(str(error))
            job.cancel()

    session.run(STORY, plugins=[Nested()])
    assert len(refused) == 1
    assert "waits for a run of the same session" in refused[0]


def test_a_closed_session_refuses():
    session = Session()
    session.close()
    for ask in (session.run, session.start, session.plan):
        with pytest.raises(VstarError, match="the session is closed"):
            ask(STORY)
    session.close()


def test_closing_waits_for_what_was_started_and_cancels_where_asked():
    with Session() as session:
        first, second = session.start(STORY), session.start(STORY)
    assert [first.state, second.state] == ["done", "done"]
    session = Session()
    gate = Gate()
    first, second = session.start(STORY, plugins=[gate]), session.start(STORY)
    assert gate.reached.wait(60)
    threading.Timer(0.1, gate.opened.set).start()
    session.close(cancel=True)
    assert [first.state, second.state] == ["cancelled", "cancelled"]


def test_an_error_inside_the_block_cancels_its_runs():
    jobs = []
    with pytest.raises(ZeroDivisionError), Session() as session:  # noqa: PT012
        jobs.append(session.start(STORY | {"sampling": {"steps": 500}}))
        _ = 1 / 0
    assert jobs[0].state == "cancelled"


def test_sessions_beside_each_other_run_at_the_same_time(session, held):
    with Session() as other:
        assert other.run(STORY).synopsis == session.plan(STORY).story.synopsis
    assert not held.done


def test_many_threads_start_jobs_in_one_session(session):
    jobs, lock = [], threading.Lock()

    def begin(seed):
        job = session.start(STORY | {"seed": seed})
        with lock:
            jobs.append((seed, job))

    threads = [threading.Thread(target=begin, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.result().spec.seed for _, job in jobs] == [seed for seed, _ in jobs]


def test_a_log_that_is_closed_and_empty_ends_its_readers():
    log = EventLog()
    log.close()
    assert list(log.read()) == list(log.read(3)) == []
