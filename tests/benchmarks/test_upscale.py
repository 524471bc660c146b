"""The measurement of the upscaler: its numbers on clips whose truth is known, and what the pages say of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import upscale
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.grammar import families


def line(kind, family, number, weights, **numbers):
    return {"kind": kind, "family": family, "number": number, "weights": weights, **numbers}


def test_the_numbers_of_a_clip_are_those_of_its_frames():
    small, large = upscale.told("city", 3)
    numbers = upscale.rendered((small, small, large))
    made = upscale.finished("bicubic", small)
    off = ((made / 255 - large / 255) ** 2).mean((1, 2, 3))
    assert numbers["psnr bicubic"] == pytest.approx(np.mean(-10 * np.log10(off)))
    assert numbers["psnr bicubic of renders"] == numbers["psnr bicubic"]
    wide = large.astype(float)
    assert numbers["flicker truth"] == pytest.approx(np.abs(wide[1:-1] - (wide[:-2] + wide[2:]) / 2).mean())
    assert numbers["psnr shown"] > 80


def test_clips_that_are_kept_are_not_made_again(tmp_path):
    path, frames = tmp_path / "clip.npz", np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    assert (upscale.kept(path, lambda: [frames])[0] == frames).all()
    assert (upscale.kept(path, lambda: pytest.fail("made again"))[0] == frames).all()


def test_records_of_other_weights_are_passed_over(tmp_path):
    records = tmp_path / "records.jsonl"
    lines = [line("render", "city", n, weights) for n, weights in enumerate((upscale.weights(), "another"))]
    records.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert upscale.read(records) == lines[:1]


def test_gains_are_paired():
    names = ("bicubic", "lanczos", "learned", "shown", "halved", "bicubic of renders", "learned of renders")
    rng = np.random.default_rng(0)
    lines = [
        line("render", family, n, "w", **{f"psnr {way}": float(rng.normal(25, 3)) for way in names})
        for family in families()
        for n in range(3)
    ]
    for one in lines:
        one["psnr learned"] = one["psnr bicubic"] + (1 if one["family"] == "city" else -1) + 0.1 * one["number"]
    row = next(row for row in upscale.renders_table(lines).splitlines() if row.startswith("| city"))
    found = interval([1.0, 1.1, 1.2])
    assert f"**{found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f})**" in row


def test_the_pages_have_what_was_measured_with_the_weights_that_ship():
    lines = upscale.read(upscale.RECORDS)
    assert {(one["kind"], one["family"]) for one in lines} == {
        (kind, name) for kind in ("render", "generated") for name in families()
    }
    page, card = upscale.PAGE.read_text(encoding="utf-8"), upscale.CARD.read_text(encoding="utf-8")
    for table in (upscale.renders_table(lines), upscale.speed(lines), upscale.clips_table(lines)):
        assert table in page
    assert upscale.card_table(lines) in card
