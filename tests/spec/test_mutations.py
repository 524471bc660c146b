"""Whatever is done to a valid spec, the loader gives a valid spec or a `SpecError` that names a place in the file."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import load_spec

ROOT = Path(__file__).parents[2]

WHOLE = """
version: 1
prompt: a landscape from winter to autumn
negative_prompt: blurred
frames: 12
size: [64, 64]
fps: 8
seed: 7
model: {use: miniworld, device: cpu, dtype: auto}
synopsis: {use: llm, backend: {use: anthropic, timeout: 5, retries: 1}, template: key-states, states: 4, style: watercolour}
timeline: {interpolation: smooth}
regularizers:
  - {use: tar, sigma: {0: 1, 1: 12.5%}, strength: 0.5, stat: spread, window: [0.0, 0.56]}
  - {use: uniform, levels: [1], weight: 0.25}
  - {use: example/lean, slope: 0.25}
sampling:
  {steps: 5, scheduler: ddim, guidance: {use: cfg, scale: 4.0, start: 0.1}, eta: 0.0, guidance_batch: two, sampler: single}
output: [{use: mp4}, {use: gif, scale: 2, loop: 0}, {use: frames, path: stills}, {use: contact-sheet, count: 4}]
plugins: []
"""

# The folders below specs/ are for models whose weights are not here, so that they cannot be planned.
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.yaml"))] + [WHOLE]

ODD_TEXTS = """
|1e3|12:30:45|no|null|~|-|?|0x10|40%|2.5s|acme/part|example/lean|example/|/|./x.jinja|tarr|{{ prompt }}|%s{0}|use=|use
""".strip().split("|")
ODD_TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from([*ODD_TEXTS, " ", "\x1b[31m", "a\nb", "\u2028", "\ufeff", "\x85", "x" * 3000]),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Co", "So"]), max_size=5),
)
ODD_NUMBER = st.one_of(
    st.sampled_from([0, -1, 1, 10**9, 2**64, -(10**30), 10**399, 10**401, 1e308, -0.0]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.integers(),
    st.floats(),
)
ODD_KEY = st.one_of(ODD_TEXT, ODD_NUMBER, st.booleans())
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), ODD_NUMBER, ODD_TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_KEY, inner, max_size=4),
    max_leaves=8,
)
SNIPPETS = [
    *("&a ", "*a", "!!python/object:os.system ", "!!int ", "! ", "<<: ", "? ", "| ", "> ", "- ", ": ", "#", "'", "{", "["),
    *("---\n", "...\n", "%YAML 1.1\n---\n", "\r", "\r\n", "\n", "   ", "\t", "\x00", "\x07", "\u2028", "\ufffe", "\ufeff", "🌋"),
    *('"\\ud800"', '"\\U00110000"', "prompt: again\n", "10: 1\n", "true: 1\n", "use: tar\n", ".nan"),
    *("9" * 5000, "[" * 200, "- {" * 60),
]
ENCODINGS = ["utf-8"] * 8 + ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252"]


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the data but its root."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in items for place in [(*path, key), *paths(value, (*path, key))]]


def change_data(draw, data: Any) -> Any:
    """The data with one thing deleted, renamed, replaced, added or wrapped."""
    data = copy.deepcopy(data)
    places = paths(data)
    if not places:
        return {"prompt": draw(ODD)}
    *above, last = draw(st.sampled_from(places))
    node = data
    for key in above:
        node = node[key]
    what = draw(st.sampled_from(["delete", "rename", "replace", "replace", "add", "wrap", "deepen", "swap"]))
    if what == "delete":
        del node[last]
    elif what == "rename" and isinstance(node, dict):
        node[draw(st.one_of(ODD_TEXT, ODD_NUMBER, st.just(f"{last}s"), st.just(str(last).title())))] = node.pop(last)
    elif what == "add" and isinstance(node, dict):
        node[draw(st.one_of(ODD_TEXT, st.sampled_from(["use", "states", "template", "plugins", "backend", "sigma"])))] = draw(ODD)
    elif what == "wrap":
        node[last] = draw(st.sampled_from([[node[last]], {"use": node[last]}, {0: node[last]}, str(node[last])]))
    elif what == "deepen":
        for _ in range(draw(st.sampled_from([1, 5, 38, 45, 300]))):
            node[last] = [node[last]]
    elif what == "swap":
        other = draw(st.sampled_from(places))
        node[last] = copy.deepcopy(at(data, other))
    else:
        node[last] = draw(ODD)
    return data


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        data = data[key] if isinstance(data, dict | list) else data
    return data


def change_text(draw, text: str) -> str:
    """The text with something put in, taken out, doubled or moved."""
    start = draw(st.integers(0, len(text)))
    what = draw(st.sampled_from(["insert", "cut", "double", "swap"]))
    if what == "insert":
        return text[:start] + draw(st.sampled_from(SNIPPETS)) + text[start:]
    if what == "cut":
        return text[:start] + text[start + draw(st.integers(1, 30)) :]
    lines = text.splitlines(keepends=True) or [""]
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    if what == "double":
        lines.insert(second, lines[first])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines)


def encode(draw, text: str) -> bytes:
    encoding = draw(st.sampled_from(ENCODINGS))
    content = text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        if content:
            index = draw(st.integers(0, len(content) - 1))
            content = content[:index] + bytes([content[index] ^ (1 << draw(st.integers(0, 7)))]) + content[index + 1 :]
    return content


@st.composite
def files(draw) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that was a valid spec once."""
    text = draw(st.sampled_from(TEXTS))
    as_json = draw(st.integers(0, 3)) == 0
    data = parse(text).data
    changes = draw(st.integers(0, 2))
    for _ in range(changes):
        data = change_data(draw, data)
    if as_json:
        try:
            text = json.dumps(data, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))
        except (TypeError, ValueError):
            text = "{}"
    elif changes:
        text = yaml.dump(
            data, allow_unicode=draw(st.booleans()), sort_keys=False, default_flow_style=draw(st.sampled_from([None, True]))
        )
    for _ in range(draw(st.integers(0 if changes else 1, 2))):
        text = change_text(draw, text)
    return ".json" if as_json else ".yaml", encode(draw, text)


def check(file: Path, content: bytes) -> None:
    """Load a file, and plan what it says."""
    file.write_bytes(content)
    try:
        make_plan(load_spec(file))
    except SpecError as error:
        message = str(error)
    else:
        return
    for line in message.split("\n"):
        assert re.match(rf"{re.escape(str(file))}:[1-9]\d*:[1-9]\d*: |and \d+ more$", line), f"no place: {message}"
        assert line.isprintable(), f"control characters: {message!r}"
        tag = re.search(r"[.\]](int|float|str|bool|tuple|dict|list|function-[\w-]+|use=[\w-]*)(\[\S*\])?: ", line)
        assert tag is None or tag[1].encode() in content, f"a union's tag: {message}"


def seconds(file: Path, content: bytes) -> float:
    """The processor time of a check."""
    began = time.process_time()
    check(file, content)
    return time.process_time() - began


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


RELAXED = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=120, derandomize=True, phases=[Phase.generate, Phase.shrink], **RELAXED)
@given(case=files())
def test_a_mutated_spec_is_valid_or_refused_with_a_place(folder, case):
    check(folder / f"story{case[0]}", case[1])


@pytest.mark.slow
@settings(max_examples=20_000, **RELAXED)
@given(case=files())
def test_many_mutated_specs_are_valid_or_refused_with_a_place_in_two_seconds_of_work(folder, case):
    file = folder / f"story{case[0]}"
    # A slow case is slow twice: what the collector of a long test took once is not the case's.
    assert seconds(file, case[1]) < 2.0 or seconds(file, case[1]) < 2.0
