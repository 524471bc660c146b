"""The faults that every LLM backend behind an HTTP API must survive, as cases for a test of yours.

::

    @pytest.mark.parametrize("case", FAULT_CASES, ids=str)
    def test_faults(case):
        check_fault(case, MyDialect(), lambda url, **options: MyBackend(MyOptions(base_url=url, **options)), key=KEY)

Each ends in key states within bounds or in one clear `BackendError`: never in a hang, in another exception or in a leaked key.
"""

from __future__ import annotations

import codecs
import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.contract import Backend
from vstar_sdk.options import Options
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter
from vstar_sdk.testing.llm_server import Dialect, LlmServer, Reply

CAPTIONS = ("a bare oak under snow", "a budding oak in rain", "a green oak in sun", "an orange oak in fog")
"""The key states of a good answer."""

LONGEST = 60.0
"""Seconds that no case may take; those that wait for something are given options that make it less than two."""

Script = Callable[[Dialect, str], list[Reply]]
"""The replies of a case, in a dialect and with a key that the server may repeat."""


@dataclass(frozen=True)
class FaultCase:
    """One case.

    Attributes:
        name: what goes wrong.
        script: what the server answers.
        words: what the error says, any case; empty when the case ends in key states.
        asked: how often the server may be asked.
        options: of the backend: ``timeout`` and ``retries``.
        listening: whether there is a server at all.
        waits: seconds that the server asks to wait, and the backend must.
    """

    name: str
    script: Script
    words: tuple[str, ...] = ()
    asked: int = 1
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    listening: bool = True
    waits: float = 0.0

    def __str__(self) -> str:
        return self.name


def good(captions: tuple[str, ...] = CAPTIONS) -> str:
    """The JSON text of an answer."""
    return json.dumps({"states": [{"caption": caption} for caption in captions], "style": ""})


_DRAFT = good(("a draft",) * len(CAPTIONS))
_SCHEMA = '{"type": "object", "properties": {"states": {"type": "array"}}, "required": ["states"]}'

_SAME = {
    "a draft in thinking": f"<think>First {_DRAFT}. Too terse.</think>{good()}",
    "a draft in thinking without its opening tag": f"First {_DRAFT}. Too terse.\n</think>\n{good()}",
    "an example before the answer": f"Each state looks like {{'caption': 'x'}}, as in {{}}.\n{good()}",
    "an example after the answer": f"{good()}\nFor example, in few words: {_DRAFT}",
    "the schema before the answer": f"{_SCHEMA}\n{good()}",
    "the schema after the answer": f"{good()}\n{_SCHEMA}",
    "a bare list": json.dumps(CAPTIONS),
    "states as texts, and no style": json.dumps({"states": CAPTIONS, "style": None}),
    "a list as a JSON text": json.dumps({"states": json.dumps(CAPTIONS)}),
    "raw line breaks": good().replace("oak under", "oak\nunder"),
    "a byte order mark before the text": f"\ufeff{good()}",
}
"""Texts that mean the good answer, and cost no second question."""

_BROKEN = {
    "nothing but thinking": (f"<think>{good()}</think>", ("it has only thinking",)),
    "a trailing comma": (f"{good()[:-1]},}}", ("malformed at line 1, column",)),
    "an end that is missing": (good()[:40], ("malformed at line 1, column",)),
}
"""Texts that cannot be used, and what is said of them."""


def _saying(text: str) -> Script:
    return lambda api, key: [api.answer(text)]


def _as_success(reply: Reply) -> Reply:
    return reply.but(status=200)


def _marked(reply: Reply) -> Reply:
    return reply.but(body=codecs.BOM_UTF8 + reply.body)


FAULT_CASES = (
    FaultCase("refused connection", lambda api, key: [], ("cannot be reached",), 0, {"retries": 1}, listening=False),
    FaultCase("timeout", lambda api, key: [api.answer(good()).but(delay=6.0)], ("no answer within 0.3 s",), 2, {"timeout": 0.3}),
    FaultCase(
        "a byte a second",
        lambda api, key: [api.answer(good()).but(drip=1.0)],
        ("no answer within 1.5 s",),
        1,
        {"timeout": 1.5, "retries": 0},
    ),
    FaultCase(
        "headers that trickle",
        lambda api, key: [api.answer(good()).but(drip=0.1, drip_headers=True)],
        ("no answer within 0.5 s",),
        1,
        {"timeout": 0.5, "retries": 0},
    ),
    FaultCase(
        "401 that repeats the key", lambda api, key: [api.error(401, f"bad key {key}")], ("does not accept the key", "401")
    ),
    FaultCase(
        "401 that repeats the key in headers",
        lambda api, key: [api.error(401, "no").but(reason=key, headers={"www-authenticate": key, "retry-after": key})],
        ("does not accept the key",),
    ),
    FaultCase(
        "a key that straddles the shortening", lambda api, key: [api.error(401, "x" * 290 + key)], ("does not accept the key",)
    ),
    FaultCase(
        "a key that straddles another shortening",
        lambda api, key: [api.error(401, "x" * 1990 + key)],
        ("does not accept the key",),
    ),
    FaultCase(
        "a key in an error of no known form",
        lambda api, key: [api.error(400, "").but(body=json.dumps({"error": {"why": "x" * 285 + key}}).encode())],
        ("rejects the request",),
    ),
    FaultCase("403", lambda api, key: [api.error(403, "not for you")], ("403", "not for you")),
    FaultCase("404", lambda api, key: [api.error(404, "no such model")], ("has no model", "404")),
    FaultCase("429 with retry-after", lambda api, key: [_limited(api, "1"), api.answer(good())], asked=2, waits=1.0),
    FaultCase("429 with a day to wait", lambda api, key: [_limited(api, "86400")], ("rate of requests", "86400 s")),
    FaultCase("429 with nonsense to wait", lambda api, key: [_limited(api, "inf"), api.answer(good())], asked=2),
    FaultCase(
        "429 with a date to wait", lambda api, key: [_limited(api, "Wed, 21 Oct 2099 07:28:00 GMT"), api.answer(good())], asked=2
    ),
    FaultCase("500 twice, then fine", lambda api, key: [*_failing(api, 2), api.answer(good())], asked=3),
    FaultCase("500 for ever", lambda api, key: _failing(api, 1), ("failed, after 3 attempts", "500", "oops"), 3),
    FaultCase("a truncated answer", lambda api, key: [api.answer(good()[:40], stop="length"), api.answer(good())], asked=2),
    FaultCase("truncated answers only", lambda api, key: [api.answer(good()[:40], stop="length")], ("cut off", "max_tokens"), 2),
    FaultCase(
        "a connection that breaks in the answer",
        lambda api, key: [api.answer(good()).but(cut=30)],
        ("cannot be reached",),
        2,
        {"retries": 1},
    ),
    FaultCase(
        "a refusal", lambda api, key: [api.answer("I cannot picture that.", stop="refusal")], ("declined", "cannot picture")
    ),
    FaultCase("prose around the JSON", lambda api, key: [api.answer(f"Sure! Here:\n```json\n{good()}\n```\nEnjoy {{it}}.")]),
    FaultCase(
        "prose without JSON, then fine", lambda api, key: [api.answer("An oak, in four states."), api.answer(good())], asked=2
    ),
    FaultCase(
        "prose without JSON for ever", lambda api, key: [api.answer("An oak.")], ("no usable synopsis", "no JSON object"), 2
    ),
    FaultCase("an empty answer", lambda api, key: [api.answer("")], ("no usable synopsis", "empty"), 2),
    FaultCase("too few states, then fine", lambda api, key: [api.answer(good(CAPTIONS[:3])), api.answer(good())], asked=2),
    FaultCase("too few states for ever", lambda api, key: [api.answer(good(CAPTIONS[:3]))], ("states: 3 instead of 4",), 2),
    FaultCase(
        "too many states for ever", lambda api, key: [api.answer(good((*CAPTIONS, "more")))], ("states: 5 instead of 4",), 2
    ),
    FaultCase("ten megabytes", lambda api, key: [api.answer("x" * 10_000_000)], ("more than 1 MB",)),
    FaultCase("ten megabytes of error", lambda api, key: [api.error(500, "x" * 10_000_000)], ("more than 1 MB",)),
    FaultCase(
        "what unpacks to any size",
        lambda api, key: [Reply(200, b"\x1f\x8b", {"content-type": "application/json", "content-encoding": "gzip"})],
        ("compressed",),
    ),
    FaultCase(
        "a redirect",
        lambda api, key: [Reply(307, headers={"location": "http://127.0.0.1:9/elsewhere"})],
        ("redirects to another address",),
    ),
    FaultCase("a web page", lambda api, key: [Reply(200, b"<html>hello</html>", {"content-type": "text/html"})], ("is not a ",)),
    FaultCase(
        "JSON of another kind", lambda api, key: [Reply(200, b"[1]", {"content-type": "application/json"})], ("is not a ",)
    ),
    FaultCase("no text at all", lambda api, key: [Reply(200, b"\xff\xfe", {"content-type": "application/json"})], ("is not a ",)),
    FaultCase(
        "deep nesting",
        lambda api, key: [Reply(400, b"[" * 100_000, {"content-type": "application/json"})],
        ("rejects the request",),
    ),
    FaultCase(
        "deep nesting in an answer",
        lambda api, key: [Reply(200, b'{"choices": ' + b"[" * 100_000, {"content-type": "application/json"})],
        ("is not a ",),
    ),
    FaultCase(
        "deep nesting in a model's text", lambda api, key: [api.answer('{"states": ' + "[" * 9000), api.answer(good())], asked=2
    ),
    FaultCase(
        "headers without end",
        lambda api, key: [api.answer(good()).but(headers={"x-long": "x" * 2_000_000})],
        ("cannot be reached",),
        1,
        {"retries": 0},
    ),
    FaultCase(
        "half a character, then fine",
        lambda api, key: [api.answer(good().replace("oak", "\\ud800")), api.answer(good())],
        asked=2,
    ),
    FaultCase("control characters", lambda api, key: [api.answer(good().replace("a bare", "a\\u001b\\u0000 bare"))]),
    *(FaultCase(name, _saying(text)) for name, text in _SAME.items()),
    *(FaultCase(name, _saying(text), words, 2) for name, (text, words) in _BROKEN.items()),
    FaultCase("malformed JSON, then fine", lambda api, key: [api.answer(f"{good()[:-1]},}}"), api.answer(good())], asked=2),
    FaultCase("an empty answer, then fine", lambda api, key: [api.answer(""), api.answer(good())], asked=2),
    FaultCase("a byte order mark before the body", lambda api, key: [_marked(api.answer(good()))]),
    FaultCase("an error inside a success", lambda api, key: [_as_success(api.error(402, "no credit"))], ("no credit",)),
    FaultCase(
        "an error inside a success that repeats the key",
        lambda api, key: [_as_success(api.error(400, f"no path for {key}"))],
        ("no path for [key]",),
    ),
    FaultCase(
        "429 inside a success, then fine",
        lambda api, key: [_as_success(api.error(429, "slow down")), api.answer(good())],
        asked=2,
    ),
    FaultCase(
        "500 inside a success for ever", lambda api, key: [_as_success(api.error(500, "oops"))], ("failed", "500", "oops"), 3
    ),
    FaultCase(
        "words without a status inside a success",
        lambda api, key: [api.answer(good()).but(body=b'{"error": "Unexpected endpoint (POST /x)"}')],
        ("Unexpected endpoint (POST /x)", "base_url"),
    ),
    FaultCase(
        "a refused schema, then fine",
        lambda api, key: [api.error(400, "the grammar of this json_schema is too complex"), api.answer(good())],
        asked=2,
    ),
    FaultCase("an answer that repeats the key", lambda api, key: [api.answer(f"{key} {good()}")]),
)
"""Every case."""


def check_fault(case: FaultCase, dialect: Dialect, backend: Callable[..., Backend], *, key: str) -> None:
    """Let a backend meet a fault, and check how it ends.

    Args:
        case: the case.
        dialect: how the API words its answers.
        backend: makes the backend; called with the server's address (without a path), and by keyword ``timeout`` and ``retries``.
        key: what the backend sends as its key; at least 12 characters.

    Raises:
        AssertionError: it ended in another way, took too long, asked too often, or showed the key.
    """
    server = LlmServer(case.script(dialect, key))
    with server.serving() if case.listening else _nobody(server), _everything_logged() as logged:
        asked = backend(server.url, **{"timeout": 15.0, "retries": 2, **case.options})
        writer = LlmWriter(LlmOptions(backend=Options()), backend=asked)
        shown, began = "", time.monotonic()
        try:
            synopsis = writer.write(Brief(prompt="an oak from winter to autumn", frames=64, fps=8.0))
            assert not case.words, f"no error, but {synopsis}"
            assert tuple(state.caption for state in synopsis.states) == CAPTIONS
            shown = json.dumps([synopsis.transcript, synopsis.warnings])
        except BackendError as error:
            told = f"{error} | {error.hint}"
            shown = _everything(error)
            assert case.words, f"an error where there should be key states: {told}"
            for word in case.words:
                assert word.lower() in told.lower(), f"'{word}' is not in: {told}"
            assert len(told) < 1000, f"an error is a sentence or two, not {len(told)} characters"
        finally:
            writer.close()
        seconds = time.monotonic() - began
    assert seconds < LONGEST, f"it took {seconds:.0f} s"
    assert seconds >= case.waits, f"it waited {seconds:.1f} s, and the server asked for {case.waits:g}"
    assert len(server.asked) <= case.asked, f"asked {len(server.asked)} times"
    for asked_for in server.asked:
        roles = _roles(asked_for)
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2), f"the turns are those of {roles}"
    for where, text in {"the result": shown, "the log": logged(), "a repr": f"{asked!r} {vars(asked)!r}"}.items():
        assert key.lower() not in text.lower(), f"the key is in {where}"
        assert key[:-4].lower() not in text.lower(), f"most of the key is in {where}"


def _roles(asked: dict[str, Any]) -> list[str]:
    """Whose turns a question holds, where its API has a list of them."""
    turns = asked.get("messages")
    given: list[Any] = cast("list[Any]", turns) if isinstance(turns, list) else []
    return [turn["role"] for turn in given if isinstance(turn, dict) and turn.get("role") in ("user", "assistant")]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


def _limited(api: Dialect, wait: str) -> Reply:
    reply = api.error(429, "slow down")
    return reply.but(headers={**reply.headers, "retry-after": wait})


def _failing(api: Dialect, times: int) -> list[Reply]:
    reply = api.error(500, "oops")
    return [reply.but(headers={**reply.headers, "retry-after": "0"})] * times


@contextmanager
def _nobody(server: LlmServer) -> Generator[None]:
    """A port at which nobody listens."""
    server.server_close()
    with socket.socket() as held:
        held.bind(server.server_address[:2])  # nobody else gets it meanwhile
        yield


def _everything(error: BaseException) -> str:
    """All that a person, a log or a debugger's traceback might show of an error, those behind it included."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        item = waiting.pop()
        if item is not None and item not in seen:
            seen.append(item)
            waiting += [item.__cause__, item.__context__]
    frames = [frame for item in seen for frame, _ in traceback.walk_tb(item.__traceback__)]
    inside = [f"{frame.f_code.co_name} {frame.f_locals!r}" for frame in frames if frame.f_code.co_filename != __file__]
    told = ["".join(traceback.format_exception(item)) for item in seen]
    return " ".join([*told, *inside, *(f"{item!r} {vars(item)!r}" for item in seen)])


@contextmanager
def _everything_logged() -> Generator[Callable[[], str]]:
    """All log records of any level, as they would be printed."""
    lines: list[str] = []
    lock = threading.Lock()

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with lock:
                lines.append(self.format(record))

    keeper, root = Keeper(), logging.getLogger()
    level = root.level
    quiet = {name: logging.getLogger(name).level for name in ("anthropic", "httpx2", "httpcore2")}
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield lambda: "\n".join(lines)
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)
        for name, was in quiet.items():
            logging.getLogger(name).setLevel(was)
