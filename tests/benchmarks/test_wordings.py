"""The synopses in other words, and what is made of their clips."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks import wordings
from vstar_sdk.miniworld.grammar import corpus


def test_there_are_40_of_all_families_and_none_is_a_training_caption():
    found = wordings.wordings()
    assert len(found) == 40
    assert set(Counter(one.family for one in found).values()) == {5}
    known = set(corpus())
    for one in found:
        assert len(one.states) == len(one.keys) == len(one.captions)
        assert bool(one.colour) == bool(one.kind.colours)
        assert set(one.captions) <= known
        assert not set(one.states) & known
        assert one.reading.start != one.reading.end


def test_the_styles_go_further_from_the_training_captions_step_by_step():
    shares = {style: [w.strange for w in wordings.wordings() if w.style == style] for style in ("close", "plain", "rich")}
    means = [sum(some) / len(some) for some in shares.values()]
    assert means == sorted(means)
    assert means[0] < 0.02 < 0.3 < means[2]


def test_wordings_are_compared_with_the_writer_on_the_same_seed(tmp_path, monkeypatch):
    lines = []
    for number in range(40):
        for seed in (0, 1):
            for told, error in (("writer", 0.05 * seed), ("wording", 0.05 * seed + 0.1 * wordings.wordings()[number].strange)):
                line = {
                    "model": "miniworld",
                    "synopsis": number,
                    "told": told,
                    "seed": seed,
                    "error": error,
                    "order": 1.0,
                    "scene": 1.0,
                }
                lines.append(json.dumps(line) + "\n")
    lines.append(json.dumps({**json.loads(lines[1]), "seed": 2, "error": 9.0}) + "\n")  # no partner yet
    monkeypatch.setattr(wordings, "RECORDS", tmp_path / "wordings.jsonl")
    wordings.RECORDS.write_text("".join(lines))
    more = wordings.differences("miniworld", "error")
    assert more[3] == pytest.approx(0.1 * wordings.wordings()[3].strange)
    assert "Error grows by +0.100 [+0.100, +0.100] from no strange word to all." in wordings.report()
