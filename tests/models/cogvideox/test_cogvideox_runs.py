"""One spec, from the state to the frames, on CogVideoX: its schedulers."""

from __future__ import annotations

import pytest

CAPTION = "a green landscape in summer"


@pytest.mark.parametrize("scheduler", ["cogvideox-dpm", "dpm++"])
def test_another_scheduler(session, cogvideox_5b, scheduler):
    spec = {
        "model": {"use": "cogvideox", "path": str(cogvideox_5b)},
        "size": [32, 32],
        "frames": 17,
        "synopsis": {"use": "states", "states": [CAPTION]},
        "sampling": {"steps": 2, "scheduler": scheduler},
    }
    assert session.run(spec).latents.isfinite().all()
