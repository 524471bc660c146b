"""Pictures on a terminal: what is written is read again by a reader of the protocol, and is the picture."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from vstar_sdk.cli.graphics import strip, way_of

FRAMES = np.zeros((3, 4, 6, 3), np.uint8)
FRAMES[0], FRAMES[1], FRAMES[2], FRAMES[2, :2] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def sixels(text):
    """The picture ``(height, width, 4)`` that a terminal makes of sixels."""
    found = re.fullmatch(r'\x1bP([\d;]*)q"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.DOTALL)
    assert found is not None
    head, width, height, body = found.groups()
    assert head.split(";")[1] == "1"  # what is not written stays transparent
    shown, colours, colour, x, y = np.zeros((int(height) + 6, int(width), 4), np.uint8), {}, None, 0, 0
    for define, red, green, blue, choose, count, sign, move in re.findall(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", body
    ):
        if define:
            colours[define] = [round(int(share) * 2.55) for share in (red, green, blue)] + [255]
        elif choose:
            colour = choose
        elif move:
            x, y = 0, y + 6 * (move == "-")
        else:
            for row in range(6):
                if (ord(sign) - 63) >> row & 1:
                    shown[y + row, x : x + int(count or 1)] = colours[colour]
            x += int(count or 1)
    assert not shown[int(height) :].any()
    return shown[: int(height)]


def kitty(text):
    """The picture of kitty's escapes, with the keys of the first."""
    escapes = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in escapes) == text
    assert all(len(data) <= 4096 for _, data in escapes)
    assert [keys[-3:] for keys, _ in escapes] == ["m=1"] * (len(escapes) - 1) + ["m=0"] or len(escapes) == 1
    data = base64.b64decode("".join(data for _, data in escapes), validate=True)
    return np.asarray(Image.open(io.BytesIO(data))), dict(key.split("=") for key in escapes[0][0].split(","))


def test_kitty_gets_a_png_that_fills_so_many_characters():
    picture, keys = kitty(strip(FRAMES, 80, "kitty"))
    assert (keys["a"], keys["f"], keys["q"], keys["c"], keys["r"]) == ("T", "100", "2", str(3 * 7 - 1), "2")
    assert picture.shape == (4 * 8, (3 * 7 - 1) * 8, 4)
    assert picture[0, 0].tolist() == [255, 0, 0, 255]
    assert picture[0, 6 * 8].tolist() == [0, 0, 0, 0]
    assert picture[-1, -1].tolist() == [0, 0, 255, 255]


def test_a_large_picture_comes_in_escapes_of_four_kilobytes():
    noise = np.random.default_rng(0).integers(0, 256, (2, 60, 104, 3), np.uint8)
    picture, _ = kitty(strip(noise, 80, "kitty"))
    assert strip(noise, 80, "kitty").count("\x1b_G") > 10
    assert picture.shape[1] <= 80 * 8


def test_sixels_are_the_picture():
    shown = sixels(strip(FRAMES, 80, "sixel"))
    expected, _ = kitty(strip(FRAMES, 80, "kitty"))
    assert shown.shape == expected.shape
    assert np.array_equal(shown[..., 3], expected[..., 3])
    assert np.abs(shown[..., :3].astype(int) - expected[..., :3])[expected[..., 3] > 0].max() <= 3  # colours are whole per cents


@pytest.mark.parametrize(("size", "columns"), [((1, 1), 80), ((60, 104), 12), ((104, 60), 1), ((3, 500), 40)])
def test_sixels_of_any_size_fit_into_terminals_of_any_width(size, columns):
    noise = np.random.default_rng(0).integers(0, 256, (5, *size, 3), np.uint8)
    assert sixels(strip(noise, columns, "sixel")).shape[1] <= columns * 8


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({}, "blocks"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "VTE_VERSION": "7600"}, "blocks"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "vscode"}, "blocks"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "230804"}, "sixel"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "211200"}, "blocks"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "default,1,0"}, "blocks"),
        ({"TERM": "xterm-256color", "VSTAR_GRAPHICS": "sixel"}, "sixel"),
        ({"TERM": "xterm-kitty", "VSTAR_GRAPHICS": "blocks"}, "blocks"),
        ({"TERM": "xterm-kitty", "VSTAR_GRAPHICS": "paint"}, "kitty"),
    ],
)
def test_the_terminal_is_known_by_its_variables(environment, way):
    assert way_of(environment) == way
