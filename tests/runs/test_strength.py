"""A strength that runs a course, from a spec to the record of the run and back."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

from vstar_sdk import Course, Session, SpecError, load_spec
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import parse
from vstar_sdk.spec.writing import to_yaml

COURSE = {"from": 2.0, "to": 0.5, "ease": "smooth"}


def spec(*regularizers: dict[str, Any]) -> dict[str, Any]:
    return {
        "prompt": "a landscape from winter to autumn",
        "frames": 4,
        "synopsis": {"use": "miniworld", "states": 2},
        "regularizers": list(regularizers),
        "sampling": {"steps": 5},
    }


TAR = {"use": "tar", "sigma": {0: 1, 1: 2}, "stat": "spread", "window": [0.0, 0.6]}


def test_a_run_with_a_course_is_written_down_and_made_again(tmp_path):
    with Session() as session:
        result = session.run(spec({**TAR, "strength": COURSE}), out=tmp_path / "run")
        again = session.run(tmp_path / "run" / "spec.yaml", out=tmp_path / "again")
        constant = session.run(spec({**TAR, "strength": 2.0}))
    assert torch.equal(result.latents, again.latents)
    assert not torch.equal(result.latents, constant.latents)
    (written,) = result.spec.regularizers
    assert getattr(written, "strength") == Course.model_validate(COURSE)  # noqa: B009
    assert any("row statistics (tar at 2 to 0.5)" in line for line in result.manifest["attention"])


def test_it_survives_yaml_and_pickle():
    loaded = load_spec(spec({**TAR, "strength": COURSE}))
    assert load_spec(parse(to_yaml(loaded.spec)).data).spec == loaded.spec
    plan = make_plan(loaded)
    assert pickle.loads(pickle.dumps(plan)).attention.summary(5) == plan.attention.summary(5)  # noqa: S301


@pytest.mark.parametrize(
    ("regularizer", "told"),
    [
        ({**TAR, "strength": {"from": 1, "too": 0}}, r"regularizers\[0\].strength.too: unknown key 'too'. Did you mean 'to'?"),
        ({**TAR, "strength": {"from": 1, "to": -1}}, r"regularizers\[0\].strength.to: must be greater than or equal to 0"),
        ({**TAR, "strength": True}, r"regularizers\[0\].strength: must be a number, not true or false"),
        ({"use": "window", "strength": 0.5}, r"regularizers\[0\].strength: a hidden frame is hidden at any strength"),
    ],
)
def test_what_is_no_strength_has_its_place(regularizer, told):
    with pytest.raises(SpecError, match=told):
        load_spec(spec(regularizer))


def test_a_map_over_all_is_told_with_its_place():
    with pytest.raises(SpecError, match=r"regularizers\[0\].strength: identity: at strength 1.5 its map of weight 1 would"):
        make_plan(load_spec(spec({"use": "identity", "strength": 1.5})))
