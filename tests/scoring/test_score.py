"""Whole scores on the embedded model: small clips, one step each."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from typing import Any

import pytest

from vstar_sdk import Session, SpecError, VstarError, score
from vstar_sdk.scoring.codes import contents
from vstar_sdk.scoring.score import plan_score
from vstar_sdk.scoring.stories import ORDER, Story, stories_of

SMALL: dict[str, Any] = {"frames": [4], "families": ["volcano"], "seeds": 2, "overrides": ["sampling.steps=1"]}
PROMPT = "a volcano from calm to cooled"

FAULTY = """
    import torch
    from vstar_sdk import Options, hookimpl
    class Sloppy:
        def __init__(self, options):
            pass
        def draw(self, shape, clock, generator):
            if generator.initial_seed() in SEEDS:
                raise ValueError("no noise today")
            return torch.randn(shape, generator=generator)
    @hookimpl
    def register_noises(register):
        register("sloppy", options=Options, factory=Sloppy, summary="Noise that fails.")
"""


def small(parts, out, **changes):
    (found,) = score(parts, out=out, **{**SMALL, **changes})
    return found


def test_numbers_are_those_of_the_runs_and_nothing_is_made_twice(tmp_path, begun):
    found = small(["tar"], tmp_path)
    assert sorted(begun) == [f"volcano, seed {seed}: {side}" for seed in (0, 1) for side in ("tar", "the-model-alone")]
    rows = {row.measure.name: row for row in found.rows}
    with Session() as session:
        numbers = [
            session.run(
                {
                    "prompt": PROMPT,
                    "frames": 4,
                    "seed": seed,
                    "synopsis": {"use": "miniworld"},
                    "regularizers": regularizers,
                    "sampling": {"steps": 1},
                    "metrics": ["miniworld", "evolution"],
                    "output": [],
                }
            ).manifest["metrics"]
            for regularizers in ([{"use": "tar"}], [])
            for seed in (0, 1)
        ]
    for name in ("stage_error", "order", "moved", "evolution"):
        own, other = ([clip[name] for clip in side] for side in (numbers[:2], numbers[2:]))
        assert rows[name].value.mean == pytest.approx(sum(own) / 2)
        assert rows[name].difference.mean == pytest.approx((sum(own) - sum(other)) / 2)
        assert rows[name].difference.n == 2
    assert set(found.left_out) == {"miniworld-colour", "repetition", "diagonalness"}
    assert "names no colour" in found.left_out["miniworld-colour"]
    assert not {"colour", "repetition", "diagonalness", "pan_speed"} & set(rows)

    begun.clear()
    assert small(["tar"], tmp_path) == found
    assert begun == []
    # Another part shares the other side, and may be compared with this one.
    assert small(["uniform"], tmp_path, seeds=1, against=["tar"]).against == "tar"
    assert begun == ["volcano, seed 0: uniform"]
    small(["uniform"], tmp_path, seeds=1)
    assert begun == ["volcano, seed 0: uniform"]


@pytest.mark.slow
def test_one_seed_more_makes_one_pair_more(tmp_path, begun):
    small(["tar"], tmp_path)
    begun.clear()
    assert small(["tar"], tmp_path, seeds=3).rows[0].difference.n == 3
    assert begun == ["volcano, seed 2: tar", "volcano, seed 2: the-model-alone"]


def test_what_was_stopped_goes_on(tmp_path, begun):
    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(["tar"], out=tmp_path, report=stop, **SMALL)
    assert begun == ["volcano, seed 0: tar"]
    lines: list[str] = []
    (found,) = score(["tar"], out=tmp_path, report=lines.append, **SMALL)
    assert found.rows[0].difference.n == 2
    assert len(begun) == len(set(begun)) == 4
    assert lines[0] == "1 of 3: volcano, seed 0, the model alone: done"


def test_a_part_that_fails_in_the_middle_keeps_its_other_pairs_and_is_tried_again(packages, tmp_path, begun):
    packages.add("acme", FAULTY.replace("SEEDS", "[1]"))
    found = small(["acme/sloppy"], tmp_path)
    assert [row.difference.n for row in found.rows if row.measure.name == "order"] == [1]
    (failed,) = found.failed
    assert (failed.story.name, failed.seed) == ("volcano", 1)
    assert "no noise today" in str(failed.failed)
    begun.clear()
    small(["acme/sloppy"], tmp_path)
    assert begun == ["volcano, seed 1: acme-sloppy"]


@pytest.mark.slow
def test_a_method_that_was_edited_is_another_method(packages, tmp_path, begun):
    packages.add("acme", FAULTY.replace("SEEDS", "[5]"))
    small(["acme/sloppy"], tmp_path)
    begun.clear()
    source = packages.folder / "vstar_acme_module.py"
    source.write_text(source.read_text().replace("torch.randn(", "2 * torch.randn("))
    sys.modules.pop("vstar_acme_module")
    small(["acme/sloppy"], tmp_path)
    assert begun == ["volcano, seed 0: acme-sloppy", "volcano, seed 1: acme-sloppy"]


@pytest.mark.slow
def test_a_part_that_fails_from_the_first_is_not_tried_to_the_end(packages, tmp_path, begun):
    packages.add("acme", FAULTY.replace("SEEDS", "range(9)"))
    with pytest.raises(VstarError, match=r"acme/sloppy failed on its first 2 clips: .*no noise today"):
        small(["acme/sloppy"], tmp_path, seeds=5)
    assert len(begun) == 3


@pytest.mark.parametrize(
    ("parts", "changes", "words"),
    [
        (["relay"], {}, "relay cannot tell 'volcano' on miniworld with 4 frames: timeline.use: miniworld cannot follow relay"),
        (["{use: tar, sigma: {7: 1}}"], {}, "tar sigma 7: 1 cannot tell 'volcano'"),
        (["tar"], {"against": ["tar"]}, "both sides are the same"),
        (["tar"], {"seeds": 0}, "0 seeds"),
        (["tar"], {"families": ["vulcano"]}, "there is no family 'vulcano'. Did you mean 'volcano'?"),
        (["tar"], {"families": ["9"]}, "--families 9: the embedded world has 8"),
        (["tar"], {"overrides": ["seed=4"]}, "--set seed: a score sets it itself"),
        (["tar"], {"models": ["miniwold"]}, "miniwold"),
    ],
    ids=str,
)
def test_what_cannot_be_scored_is_told_before_anything_runs(tmp_path, parts, changes, words):
    with pytest.raises(SpecError) as caught:
        small(parts, tmp_path / "out", **changes)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_families_are_named_or_counted_and_pan_where_they_can():
    assert stories_of(["beach"]) == (Story("beach", "story"), Story("beach", "pan"))
    assert [story.family for story in stories_of(["3"])] == [*ORDER[:3], "landscape", "city"]
    assert len(stories_of([])) == 11
    assert Story("flower", "story").prompt(0) != Story("flower", "story").prompt(1)


def test_a_pan_is_measured_as_a_pan(tmp_path):
    city: dict[str, Any] = {**SMALL, "families": ["city"]}
    plan = plan_score(["tar"], out=tmp_path, models=["miniworld"], against=[], one_prompt=False, **city)
    measured = {story.name: [one["use"] for one in found.metrics] for story, found in plan.pairs[0][0].measured.items()}
    assert measured["city pan"] == ["miniworld-pan"]
    assert "miniworld-pan" not in measured["city"]
    assert "miniworld-colour" in measured["flower"]
    assert "miniworld-colour" not in measured["city"]


def test_the_other_side_of_one_prompt_is_one_prompt(tmp_path):
    plan = plan_score(["tar"], out=tmp_path, models=["miniworld"], against=[], one_prompt=True, **SMALL)
    assert [side.spec["synopsis"] for side in plan.pairs[0]] == [{"use": "none"}] * 2
    assert plan.clips == plan.left() == 4
    assert json.dumps(plan.pairs[0][0].spec)


def test_a_file_that_a_part_reads_counts_by_what_is_in_it(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"1")
    data = {"regularizers": [{"use": "acme/transfer", "clip": "clip.mp4", "sigma": {0: "no such file"}}]}
    first = contents(data, tmp_path)
    assert first == {"clip.mp4": sha256(b"1").hexdigest()}
    assert contents(data, tmp_path / "other") == {}
    assert contents({"negative_prompt": "very " * 2000, "other": "\0"}, tmp_path) == {}
