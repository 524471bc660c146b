from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vstar_sdk.output.contact_sheet import ContactSheet, ContactSheetOptions, chosen_frames
from vstar_sdk.output.scale import enlarge
from vstar_sdk.output.sheet.drawing import ACCENTS, PAPER
from vstar_sdk.output.sheet.layout import Tile, columns_of, rows_of

PATH = "contact-sheet.png"


def sheet(folder):
    with Image.open(folder / PATH) as image:
        return np.asarray(image.convert("RGB"))


def holds(page, picture):
    """Whether a picture stands somewhere on the page, pixel for pixel."""
    height, width, _ = picture.shape
    rows, columns = np.nonzero((page[: page.shape[0] - height + 1, : page.shape[1] - width + 1] == picture[0, 0]).all(axis=-1))
    return any(np.array_equal(page[y : y + height, x : x + width], picture) for y, x in zip(rows, columns, strict=True))


@given(st.integers(1, 300), st.integers(2, 40), st.sets(st.integers(0, 299), max_size=12))
def test_chosen_frames_are_distinct_in_order_with_both_ends_and_the_anchors_that_fit(frames, count, marks):
    anchors = sorted(mark for mark in marks if mark < frames)
    chosen = chosen_frames(frames, count, anchors)
    assert len(chosen) == min(frames, count)
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (0, frames - 1)
    if len({0, frames - 1, *anchors}) <= count:
        assert set(anchors) <= set(chosen)


def test_chosen_frames_are_even_between_the_anchors():
    assert chosen_frames(64, 16, (0, 21, 42, 63)) == [0, 4, 8, 13, 17, 21, 25, 29, 34, 38, 42, 46, 50, 55, 59, 63]
    assert chosen_frames(64, 4, (0, 10, 20, 30, 40, 63)) == [0, 21, 42, 63]


def test_rows_are_balanced():
    assert [columns_of(tiles, 8) for tiles in (1, 5, 8, 9, 16, 17)] == [1, 5, 8, 5, 8, 6]


def test_bands_follow_the_ruling_states_over_row_ends():
    blank = Image.new("RGB", (1, 1))
    tiles = [Tile(frame, blank) for frame in range(6)]
    rows = rows_of(tiles, (0, 0, 1, 1, 1, 2), columns=4)
    first, second = ([(band.state, band.first, band.last, band.begins, band.ends) for band in row.bands] for row in rows)
    assert first == [(0, 0, 1, True, True), (1, 2, 3, True, False)]
    assert second == [(1, 0, 0, False, True), (2, 1, 1, True, True)]


def test_the_sheet_shows_chosen_frames_and_a_band_for_every_state(tmp_path, make_clip, export):
    clip = make_clip(frames=64, captions=[f"state {n}" for n in range(4)])
    written = export(ContactSheet(ContactSheetOptions()), clip)
    page = sheet(tmp_path)
    assert tuple(page[0, 0]) == PAPER
    chosen = chosen_frames(64, 16, clip.timeline.anchors)
    for frame in (chosen[0], chosen[7], chosen[-1]):
        assert holds(page, enlarge(written[frame], 3))
    for accent in ACCENTS[:4]:
        assert (page == accent).all(axis=-1).sum() > 500
    assert (page == ACCENTS[4]).all(axis=-1).sum() == 0


@pytest.mark.parametrize(
    ("frames", "size", "captions"),
    [
        (1, (64, 64), ["one"]),
        (5, (64, 64), ["one", "two"]),
        (64, (64, 64), [f"{n}: " + "a very long caption " * 30 for n in range(9)]),
        (20, (512, 320), ["one", "two"]),
        (3, (320, 576), ["un été", "雪"]),
        (2, (17, 9), ["supercalifragilisticexpialidocious" * 9]),
    ],
)
def test_any_clip_has_a_sheet_whose_tiles_are_large_enough(frames, size, captions, tmp_path, make_clip, export):
    export(ContactSheet(ContactSheetOptions()), make_clip(frames=frames, width=size[0], height=size[1], captions=captions))
    height, width, _ = sheet(tmp_path).shape
    columns = columns_of(min(frames, 16), 8)
    assert columns * 160 < width < 3000
    assert height < 2500


def test_the_same_clip_gives_the_same_sheet(tmp_path, make_clip, export):
    export(ContactSheet(ContactSheetOptions()), make_clip())
    first = (tmp_path / PATH).read_bytes()
    export(ContactSheet(ContactSheetOptions()), make_clip())
    assert (tmp_path / PATH).read_bytes() == first


def test_options_change_the_grid(tmp_path, make_clip, export):
    export(ContactSheet(ContactSheetOptions(count=4, columns=4)), make_clip(frames=32))
    wide = sheet(tmp_path)
    export(ContactSheet(ContactSheetOptions(count=4, columns=2)), make_clip(frames=32))
    tall = sheet(tmp_path)
    assert wide.shape[1] > wide.shape[0]
    assert tall.shape[0] > wide.shape[0]


def test_only_chosen_frames_are_kept(tmp_path, make_clip, frames_of):
    clip = make_clip(frames=40)
    exporter = ContactSheet(ContactSheetOptions(count=5))
    exporter.open(tmp_path / PATH, clip)
    for frame in frames_of(clip):
        exporter.write(frame)
    assert len(exporter._tiles) == 5


def test_a_clip_without_a_prompt_has_a_sheet_without_a_title(tmp_path, make_clip, export):
    export(ContactSheet(ContactSheetOptions()), make_clip(prompt="a title"))
    titled = sheet(tmp_path).shape[0]
    export(ContactSheet(ContactSheetOptions()), make_clip(prompt=""))
    assert sheet(tmp_path).shape[0] < titled
