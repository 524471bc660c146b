"""One spec, from the states to the frames, on LTX-Video."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vstar_sdk import SpecError

SUMMER, WINTER = "a green landscape in summer", "a snowy winter"


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "ltx", "path": str(directory), **changes.pop("model", {})}
    told = {"synopsis": {"use": "states", "states": [SUMMER, WINTER]}, "regularizers": [], "sampling": {"steps": 2}}
    return {"prompt": "a landscape", "size": [32, 64], "frames": 17, **told, "model": options, **changes}


def test_a_shift_of_ones_own_is_another_schedule_and_the_resolved_spec_says_it(session, tiny_ltx):
    own, chosen = (session.run(story(tiny_ltx, model={"flow_shift": shift})) for shift in (None, 9.0))
    assert [result.spec.model_dump()["model"]["flow_shift"] for result in (own, chosen)] == [None, 9.0]
    assert not torch.equal(own.latents, chosen.latents)


FLOW = "use one of flow-euler, flow-euler-even, flow-linear-quadratic, flow-unipc, unipc"


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"frames": 64}, "LTX-Video cannot make 64 frames", "use 57 or 65"),
        ({"size": [32, 40]}, "width and height must be multiples of 32", "the nearest size is 32 x 32"),
        ({"sampling": {"steps": 1}}, "cannot take 1 steps", "use another number of steps"),
        ({"sampling": {"steps": 2, "scheduler": "ddim"}}, "is not for models trained by", FLOW),
        ({"sampling": {"steps": 2, "scheduler": "dpm++"}}, "has no shift_terminal", FLOW),
    ],
)
def test_what_the_model_cannot_do_is_an_error(session, tiny_ltx, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        session.run(story(tiny_ltx, **changes))
    assert (refused.value.hint or "").startswith(hint)


def test_another_scheduler_of_flows(session, tiny_ltx):
    latents = session.run(story(tiny_ltx, sampling={"steps": 4, "scheduler": "unipc"})).latents
    assert latents.isfinite().all()
