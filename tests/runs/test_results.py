"""A result at hand: as a tensor, as files, on a notebook's page, and awaited."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from vstar_sdk import OutputError, RunCancelled, Session, SpecError

SPEC = {
    "prompt": "a landscape from winter to autumn",
    "frames": 5,
    "synopsis": {"states": ["winter <b>snow</b>", "autumn"]},
    "finish": [{"use": "interpolate", "method": "blend"}],
    "sampling": {"steps": 2},
    "regularizers": [],
}


@pytest.fixture(scope="module")
def session():
    with Session() as session:
        yield session


@pytest.fixture(scope="module")
def result(session):
    return session.run(SPEC)


def test_the_tensor_is_the_frames(result):
    tensor = result.tensor()
    assert tensor.shape == (9, 64, 64, 3)
    assert np.array_equal(tensor.numpy(), np.stack(list(result.frames())))
    assert result.clip.frames == 9
    assert result.clip.anchors == (0, 8)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.gif", "sheet.PNG", "frames"])
def test_it_is_saved_as_its_name_says_and_nothing_is_replaced(result, tmp_path, name):
    path = result.save(tmp_path / "new" / name)
    assert path == tmp_path / "new" / name
    if name == "frames":
        shown = [np.asarray(Image.open(file)) for file in sorted(path.iterdir())]
        assert np.array_equal(shown, result.tensor().numpy())
    elif name == "clip.mp4":
        film: Any
        with av.open(path) as film:
            assert sum(1 for _ in film.decode(video=0)) == 9
    else:
        with Image.open(path) as picture:
            assert picture.format == name.rpartition(".")[2].upper()
    with pytest.raises(OutputError, match="exists already"):
        result.save(path)
    assert [one.name for one in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "said"), [("clip.webm", "no exporter writes .webm files"), ("a:b.mp4", "':'"), (".mp4", "folder|'.'")]
)
def test_a_name_that_cannot_be_used_is_told_before_anything_is_decoded(result, tmp_path, name, said):
    with pytest.raises(OutputError, match=said):
        result.save(tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_a_page_has_the_video_and_the_states_and_nothing_from_elsewhere(result):
    page = result._repr_html_()
    (encoded,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', page)
    video = base64.b64decode(encoded)
    assert video[4:8] == b"ftyp"
    assert "frames 0-3" in page
    assert "winter &lt;b&gt;snow&lt;/b&gt;" in page
    assert not re.search(r"<script|https?:|<link|<b>", page)


def test_a_video_that_was_written_is_shown_as_it_is_and_a_large_one_is_named(session, tmp_path, monkeypatch):
    result = session.run(SPEC, out=tmp_path / "run")
    written = base64.b64encode((tmp_path / "run" / "video.mp4").read_bytes()).decode()
    assert written in result._repr_html_()
    monkeypatch.setattr("vstar_sdk.runs.notebook.LARGEST", 10)
    page = result._repr_html_()
    assert "too large for a notebook" in page
    assert str(tmp_path / "run" / "video.mp4") in page
    assert "data:" not in page


def test_a_run_is_awaited_while_other_things_go_on(session, result):
    async def both():
        run = asyncio.create_task(session.run_async(SPEC))
        beats = 0
        while not run.done():
            beats += 1
            await asyncio.sleep(0.005)
        return beats, await run

    beats, awaited = asyncio.run(both())
    assert beats > 3
    assert np.array_equal(awaited.latents, result.latents)
    with pytest.raises(SpecError):
        asyncio.run(session.run_async({"frames": -1}))


def test_a_run_whose_waiting_is_cancelled_is_cancelled(session):
    started = []
    original = session.start

    async def cancelled():
        session.start = lambda *args, **more: started.append(original(*args, **more)) or started[-1]
        run = asyncio.create_task(session.run_async(SPEC | {"sampling": {"steps": 500}}))
        while not started:
            await asyncio.sleep(0.005)
        run.cancel()
        await run

    try:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(cancelled())
    finally:
        del session.start
    with pytest.raises(RunCancelled):
        started[0].result()
