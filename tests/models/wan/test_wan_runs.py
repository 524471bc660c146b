"""One spec, from the states to the frames, on Wan 2.1 and 2.2."""

from __future__ import annotations

from typing import Any

import pytest

from vstar_sdk import ModelError, Session, SpecError, load_spec
from vstar_sdk.runs.plan import make_plan

SUMMER, WINTER, AUTUMN = "a green landscape in summer", "a snowy landscape in winter", "an orange landscape in autumn"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}
STORY = {
    "prompt": "a landscape from summer to autumn",
    "size": [32, 32],
    "frames": 17,
    "synopsis": {"use": "states", "states": [SUMMER, WINTER, AUTUMN]},
    "regularizers": [TAR],
    "sampling": {"steps": 2},
}


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "wan", "path": str(directory), **changes.pop("model", {})}
    return {**STORY, "model": options, **changes}


def test_tar_has_defaults_of_its_own_here_which_the_resolved_spec_says(session, wan_21):
    def resolved(*regularizers):
        changes = {"regularizers": list(regularizers)} if regularizers else {}
        written = {key: value for key, value in story(wan_21).items() if key != "regularizers"} | changes
        return [(options.stat, options.strength) for options in session.run(written).spec.regularizers]

    assert resolved() == [("spread", 0.5)]
    assert resolved(TAR) == [("spread", 0.5)]
    assert resolved({**TAR, "stat": "max", "strength": 1.0}) == [("max", 1.0)]


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"frames": 64}, "Wan 2.1 cannot make 64 frames", "use 61 or 65"),
        ({"size": [32, 40]}, "width and height must be multiples of 16", "the nearest size is 32 x 32"),
        ({"regularizers": [{**TAR, "blocks": [0, 30]}]}, "no block 30; it has blocks 0 to 1", "name the first and the last"),
        ({"regularizers": [{**TAR, "blocks": [1, 0]}]}, r"blocks \[1, 0\]: write the first and the last block", ""),
    ],
)
def test_what_the_model_cannot_do_is_an_error_before_it_is_loaded(session, wan_21, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        session.run(story(wan_21, **changes))
    assert (refused.value.hint or "").startswith(hint)


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "lcm"])
def test_a_scheduler_that_cannot_match_flows_is_refused_by_name(session, wan_21, scheduler):
    with pytest.raises(SpecError, match=f"scheduler '{scheduler}' is not for models trained by flow matching") as refused:
        session.run(story(wan_21, sampling={"steps": 2, "scheduler": scheduler}))
    assert (
        refused.value.hint
        == "use one of dpm++, dpm++-karras, dpm++-sde, flow-euler, flow-euler-even, flow-linear-quadratic, flow-unipc, unipc"
    )


def test_a_hub_id_needs_a_revision(session):
    with pytest.raises(ModelError, match="a hub id needs a revision"):
        session.run(story("Wan-AI/Wan2.1-T2V-1.3B-Diffusers"))


def test_temperature_does_not_guess_on_a_model_of_tokens(wan_21):
    spec = {"model": {"use": "wan", "path": str(wan_21)}, "synopsis": {"use": "states", "states": ["a beach"]}, "frames": 17}
    with pytest.raises(SpecError, match="attends over all tokens of a clip") as refused:
        make_plan(load_spec(spec | {"size": [32, 32], "regularizers": [{"use": "temperature"}]}))
    assert "scale" in str(refused.value)


def test_a_session_holds_one_flow_shift_at_a_time_and_the_resolved_spec_says_which(wan_21):
    spec = {"synopsis": {"use": "states", "states": ["a beach"]}, "frames": 5, "size": [32, 32], "sampling": {"steps": 1}}
    with Session() as session:
        shifts = []
        for shift in (None, 5.0):
            result = session.run(spec | {"model": {"use": "wan", "path": str(wan_21), "flow_shift": shift}, "regularizers": []})
            shifts.append(result.spec.model_dump()["model"]["flow_shift"])
        assert len(session.models) == 1
    assert shifts == [3.0, 5.0]
