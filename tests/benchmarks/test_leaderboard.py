"""The leaderboard: its page is what the records say, and the records are what the seeds give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.leaderboard import measure as module
from benchmarks.leaderboard.entries import Entry, read_entries
from benchmarks.leaderboard.lengths import LENGTHS, Length
from benchmarks.leaderboard.measure import clip_numbers, measure
from benchmarks.leaderboard.records import NAMES, RECORDS, current, file_of, fingerprint, read, write
from benchmarks.leaderboard.report import PAGE, page_of
from vstar_sdk import Session, VstarError
from vstar_sdk.scoring.stories import ORDER, Story, stories_of


def clip(entry, story, seed, *, spec="1", **numbers: Any):
    about = {"entry": entry, "against": "VSP", "model": "miniworld", "frames": 16, "seed": seed, "spec": spec}
    return about | {"family": story.family, "kind": story.kind} | numbers


@pytest.fixture
def records(tmp_path):
    """Made-up records of VSP and of two others, one of which lacks a clip."""
    path, rng = file_of(tmp_path, "miniworld", 16), np.random.default_rng(0)
    write(path, {"entry": "RIFLEx", "against": "VSP", "model": "miniworld", "frames": 16, "spec": "9", "refused": "no turns"})
    for seed in range(LENGTHS[16].seeds):
        for story in stories_of(ORDER):
            numbers: dict[str, Any] = {"order": rng.normal()} if story.kind == "story" else {"pan_speed": rng.normal()}
            write(path, clip("VSP", story, seed, **numbers))
            write(path, clip("better", story, seed, **{name: value + 0.5 for name, value in numbers.items()}))
            if (story.family, seed) != ("city", 1):
                write(path, clip("cut short", story, seed, **numbers))
    return path


def test_the_page_has_values_differences_and_what_is_missing(records):
    page = page_of(records.parent)
    vsp = [one["order"] for one in read(records) if one["entry"] == "VSP" and "order" in one]
    assert f"| VSP | {np.mean(vsp):.3f} [" in page
    assert f"| better | **+0.500 (+0.500 to +0.500)** | {8 * LENGTHS[16].seeds} |" in page
    assert "pan_speed" not in page, "no pans are told at 16 frames"
    assert "| `order` | better (+0.500) | none |" in page
    assert "Too few clips yet: cut short." in page
    assert "- RIFLEx: `no turns`" in page
    assert "Of the 1 intervals on this page" in page
    assert "| cut short" not in page


def test_an_entry_that_was_changed_is_shown_as_it_was_last_made(records):
    for seed in range(LENGTHS[16].seeds):
        for story in stories_of(ORDER):
            write(
                records,
                clip("better", story, seed, spec="2", order=0.0)
                if story.kind == "story"
                else clip("better", story, seed, spec="2"),
            )
    assert {one["spec"] for one in current(read(records))["better"]} == {"2"}


def test_a_line_that_a_stop_has_cut_is_passed_over(records):
    before = read(records)
    with records.open("a") as file:
        file.write('{"entry": "VSP", "aga')
    assert read(records) == before
    write(records, clip("late", Story("city", "story"), 0))
    assert read(records) == [*before, clip("late", Story("city", "story"), 0)]


def test_what_is_recorded_is_not_made_again_and_seeds_come_before_entries(tmp_path, monkeypatch):
    made = []

    def numbers(session, condition, story, seed):
        made.append((condition.label, story.name, seed))
        if len(made) == 20:
            raise KeyboardInterrupt
        return {"order": 1.0}

    monkeypatch.setattr(module, "clip_numbers", numbers)
    monkeypatch.setitem(LENGTHS, 16, Length(("landscape", "city", "flower", "beach"), seeds=3))
    entries = [Entry("VSP"), Entry("relay", spec={"timeline": {"use": "relay"}}), Entry("TAR", spec={"regularizers": ["tar"]})]
    with pytest.raises(KeyboardInterrupt):
        measure(entries, ["miniworld"], [16], tmp_path)
    measure(entries, ["miniworld"], [16], tmp_path)
    assert [one[0] for one in made[:20]] == (["VSP"] * 4 + ["TAR"] * 4) * 2 + ["VSP"] * 4
    assert len(made) == 2 * 3 * 4 + 1
    assert made[19] == made[20]
    found = read(file_of(tmp_path, "miniworld", 16))
    assert [one["refused"] for one in found if "refused" in one] == [
        "timeline.use: miniworld cannot follow relay: its frames read one embedding each, not the text of all states"
    ]
    measure(entries, ["miniworld"], [16], tmp_path)
    assert len(made) == 25
    assert read(file_of(tmp_path, "miniworld", 16)) == found


def test_an_entry_that_fails_on_its_first_clip_is_recorded_as_refused_and_left_alone(tmp_path, monkeypatch):
    tried = []

    def numbers(session, condition, story, seed):
        tried.append(condition.label)
        if condition.label == "bad":
            raise VstarError("not on this schedule")
        return {"order": 1.0}

    monkeypatch.setattr(module, "clip_numbers", numbers)
    entries = [Entry("VSP"), Entry("bad", spec={"regularizers": ["tar"]})]
    for _ in range(2):
        measure(entries, ["miniworld"], [64], tmp_path)
    assert sorted(tried) == ["VSP"] * 10 + ["bad"]
    assert [one["refused"] for one in read(file_of(tmp_path, "miniworld", 64)) if one["entry"] == "bad"] == [
        "not on this schedule"
    ]


def test_few_steps_are_told_to_the_spec_of_an_entry():
    (vsp, *_) = read_entries()
    assert "sampling" not in vsp.condition("miniworld", 16).spec
    assert vsp.condition("miniworld", 64).spec["sampling"] == {"scheduler": "unipc", "steps": 12}
    assert vsp.condition("miniworld-dit", 128).spec["sampling"] == {"steps": 8}


def test_every_method_of_the_plugin_is_an_entry():
    text = json.dumps([dict(entry.spec) for entry in read_entries()])
    methods = (
        "freenoise",
        "freelong",
        "enhance",
        "riflex",
        "ultravico",
        "first-frame",
        "off-diagonal",
        "profile",
        "loop",
        "freeinit",
    )
    assert [name for name in methods if f"longvideo/{name}" not in text] == []


def committed():
    """The last version of every committed clip."""
    return [
        one for path in sorted(RECORDS.glob("*.jsonl")) for some in current(read(path)).values() for one in some if "seed" in one
    ]


def test_the_page_is_what_the_records_give():
    assert PAGE.read_text(encoding="utf-8") == page_of(RECORDS)


def recomputed(session, record):
    (entry,) = [entry for entry in read_entries() if entry.name == record["entry"]]
    condition = entry.condition(record["model"], record["frames"])
    assert fingerprint(condition) == record["spec"]
    found = clip_numbers(session, condition, Story(record["family"], record["kind"]), record["seed"])
    recorded = {name: record[name] for name in NAMES if name in record}
    assert found == pytest.approx(recorded, abs=0.02), record


def test_a_record_is_what_its_seed_gives():
    wanted = ("VSP", "volcano", "story", 16, 0)
    keys = ("entry", "family", "kind", "frames", "seed")
    (record,) = [one for one in committed() if one["model"] == "miniworld" and tuple(one[key] for key in keys) == wanted]
    with Session() as session:
        recomputed(session, record)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["VSP", "TAR", "UltraViCo"])
def test_rows_are_what_their_seeds_give(entry):
    """One clip of each model and length."""
    clips = [one for one in committed() if one["entry"] == entry and one["seed"] == 1]
    records = list({(one["model"], one["frames"]): one for one in clips}.values())
    assert len(records) == 2 * len(LENGTHS)
    with Session() as session:
        for record in records:
            recomputed(session, record)
