"""One spec, from the state to the frames, on HunyuanVideo 1.5 with all its tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from vstar_sdk import SpecError, load_spec
from vstar_sdk.models.hunyuan15.source import Hunyuan15Options, Hunyuan15Source
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model

PRESETS = Path(__file__).parents[3] / "specs" / "hunyuan15"
SUMMER, WINTER = "a green landscape in summer", "a snowy landscape in winter"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "hunyuan15", "path": str(directory), **changes.pop("model", {})}
    own = {
        "size": [32, 32],
        "frames": 9,
        "synopsis": {"use": "states", "states": [SUMMER]},
        "regularizers": [TAR],
        "sampling": {"steps": 1},
    }
    return {**own, "model": options, **changes}


def test_one_state_and_tar(session, hunyuan15_dir):
    nursed = session.run(story(hunyuan15_dir, model={"offload": "group"}))
    assert nursed.latents.shape == (1, 4, 3, 2, 2)
    assert sum(frame.shape == (32, 32, 3) for frame in nursed.frames()) == 9
    plain = session.run(story(hunyuan15_dir, regularizers=[], model={"offload": "model"}))
    assert (nursed.latents - plain.latents).abs().max() > 1e-5
    assert plain.spec.sampling.scheduler == "flow-euler-even"
    assert plain.spec.model_dump()["model"]["flow_shift"] == 5.0


@pytest.mark.slow
def test_strength_0_is_no_regularizer(session, hunyuan15_dir):
    plain = session.run(story(hunyuan15_dir, regularizers=[]))
    zero = session.run(story(hunyuan15_dir, regularizers=[{**TAR, "strength": 0}]))
    assert torch.equal(zero.latents, plain.latents)


def test_several_states_are_refused_in_the_plan(hunyuan15_dir):
    with pytest.raises(SpecError, match=r"HunyuanVideo 1.5 does not support 2 different states: .* the same text") as refused:
        make_plan(load_spec(story(hunyuan15_dir, synopsis={"use": "states", "states": [SUMMER, WINTER]})))
    assert refused.value.path[0] == "synopsis"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 64}, "HunyuanVideo 1.5 cannot make 64 frames"),
        ({"size": [32, 40]}, "width and height must be multiples of 16"),
        ({"model": {"compile": True}}, "hunyuan15 cannot be compiled"),
        ({"sampling": {"scheduler": "ddim"}}, "is not for models trained by flow matching"),
    ],
)
def test_what_the_model_cannot_do_is_an_error_before_it_is_loaded(session, hunyuan15_dir, changes, message):
    with pytest.raises(SpecError, match=message):
        session.run(story(hunyuan15_dir, **changes))


@pytest.mark.parametrize("preset", sorted(path.name for path in PRESETS.glob("*.yaml")))
def test_the_presets_fit_the_model(hunyuan15_dir, preset):
    planned = make_plan(load_spec(PRESETS / preset, overrides=[f"model.path={hunyuan15_dir}"]))
    assert planned.settings.frames == 121
    assert [site.site.index for site in planned.attention.sites] == [0, 1]


def test_the_kits_own_check(hunyuan15_dir):
    check_model(Hunyuan15Source(Hunyuan15Options(path=str(hunyuan15_dir))), frames=5, width=32, height=32)
