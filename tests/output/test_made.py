"""How a clip was made, in a line."""

from __future__ import annotations

import pytest

from vstar_sdk.output.made import made_with


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            "{model: {use: wan}, seed: 7, sampling: {scheduler: unipc, steps: 30, guidance: 5.0}, "
            "regularizers: [{use: tar}, {use: acme/lean}]}",
            "wan · seed 7 · unipc, 30 steps · guidance 5 · tar, acme/lean",
        ),
        (
            "{model: {use: miniworld}, seed: 0, sampling: {scheduler: {use: euler}, steps: 4, "
            "guidance: {use: apg, scale: 7.5}}, regularizers: []}",
            "miniworld · seed 0 · euler, 4 steps · guidance 7.5 · no regularizer",
        ),
        ("prompt: a lake", ""),
        ("a lake", ""),
        ("x: [", ""),
    ],
)
def test_a_line_says_how_a_clip_was_made(spec, line):
    assert made_with(spec) == line
