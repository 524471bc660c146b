"""Frames of an earlier run are kept, and the others are made around them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vstar_sdk import Session

WINTER = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in spring"]},
    "frames": 8,
    "seed": 3,
    "sampling": {"steps": 3},
    "output": [{"use": "frames", "path": "stills"}],
}


@pytest.fixture(scope="module")
def session():
    with Session() as session:
        yield session


@pytest.fixture(scope="module")
def winter(session, tmp_path_factory):
    return session.run(WINTER, out=tmp_path_factory.mktemp("runs") / "winter")


def frames(result):
    return np.stack(list(result.frames()))


def keeping(winter, keep, **changes):
    return WINTER | {"start": {"from": str(winter.directory), "keep": keep}} | changes


def test_kept_frames_come_back_byte_equal_and_the_others_do_not(session, winter, tmp_path):
    result = session.run(keeping(winter, "0-2, 5", seed=4), out=tmp_path / "run")
    before, after = frames(winter), frames(result)
    same = [bool(np.array_equal(one, other)) for one, other in zip(before, after, strict=True)]
    assert same == [True, True, True, False, False, True, False, False]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["parent"] == winter.id
    assert winter.manifest["parent"] is None
