"""The measurement of noise that pans: its drawings, its pairs, and the page made of its records."""

from __future__ import annotations

from benchmarks import pans
from benchmarks.lines import read_lines
from vstar_sdk.spec.loading import load_spec


def test_the_worlds_own_pans_go_to_the_side_that_they_are_told():
    for family, side in (("landscape", "left"), ("city", "right")):
        assert pans.drawn(family, side, 16, 0)["pan_side"] == 1.0


def test_both_clips_of_a_pair_are_told_the_same_but_for_the_noise():
    plain, moving = (pans.spec_of("miniworld", "beach", "left", noise, 64, 3) for noise in pans.NOISES)
    assert moving["sampling"].pop("noise") == {"use": "pan", "to": "left", "distance": 4.0}
    assert plain["sampling"].pop("noise") == {"use": "gaussian"}
    assert plain == moving
    load_spec(plain)


def test_differences_are_paired_and_pairs_that_lack_a_clip_are_left_out():
    about = {"model": "m", "frames": 16, "side": "left"}
    numbers = {"pan_steady": 0.5, "scene": 1.0, "flicker": 2.0, "detail": 4.0}
    lines = [
        {**about, "family": family, "seed": seed, "noise": noise, "pan_side": float(noise == "pan"), **numbers}
        | {"pan_speed": seed + 3.0 * (noise == "pan")}
        for family in ("beach", "city")
        for seed in range(3)
        for noise in pans.NOISES
    ]
    world = {
        **about,
        "model": pans.WORLD,
        "family": "beach",
        "seed": 0,
        "noise": "",
        **numbers,
        "pan_speed": 4.0,
        "pan_side": 1.0,
    }
    said = pans.table([*lines[:-1], world], "m", 16)
    assert "| `gaussian` | beach 0 of 3, city 0 of 2 | 0.80 | 0.50 |" in said
    assert "| `pan` | beach 3 of 3, city 2 of 2 | 3.80 | 0.50 |" in said
    assert "| `pan` - `gaussian` | | **+3.0 (+3.0 to +3.0)** | +0.00 (+0.00 to +0.00) |" in said
    assert "| drawn by the world | beach 1 of 1 | 4.00 |" in said


def test_the_page_has_what_was_measured():
    lines, page = read_lines(pans.RECORDS), pans.PAGE.read_text(encoding="utf-8")
    made = {(line["model"], line["frames"]) for line in lines} - {(pans.WORLD, frames) for frames in pans.LENGTHS}
    assert {("miniworld", 16), ("miniworld", 64)} <= made
    assert all(pans.table(lines, model, frames) in page for model, frames in made)
