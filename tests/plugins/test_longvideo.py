"""The methods of vstar-longvideo on tiny models of every family that they are for, alone and with TAR."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import transformer_models
from tests.tiny_models import spec
from vstar_sdk import Clock, Moment, Session, SiteAddress, load_spec
from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention

pytestmark = pytest.mark.slow

TAR: dict[str, Any] = {"use": "tar", "sigma": 1, "window": [0, 1]}
EVERYWHERE: list[dict[str, Any]] = [
    {"use": "longvideo/first-frame", "window": [0, 1]},
    {"use": "longvideo/off-diagonal"},
    {"use": "longvideo/profile", "sigma": 2, "share": 0.9, "window": [0, 1]},
    {"use": "longvideo/loop", "sigma": 1, "band": "seam", "window": [0, 1]},
]
OVER_FRAMES: list[dict[str, Any]] = [
    {"use": "longvideo/freenoise", "size": 8, "stride": 2},
    {"use": "longvideo/freelong", "trained_frames": 8, "windows": [1, 2], "window": [0, 1]},
    {"use": "longvideo/enhance"},
    {"use": "longvideo/ultravico", "trained_frames": 8},
]
NOISE = {"use": "longvideo/freenoise", "window": 3, "stride": 2}
CYCLE = {"use": "longvideo/cycle", "of": {"use": "states", "states": ["a green landscape", "a snowy landscape"]}}


def name(value: object) -> object:
    return value["use"] if isinstance(value, dict) else value


@pytest.fixture
def opened(model: str, request: pytest.FixtureRequest) -> Any:
    """A tiny model whose attention holds text, too."""
    return transformer_models.load(model, request.getfixturevalue(model))


@pytest.fixture(scope="module")
def session():
    with Session() as shared:
        yield shared


def latents(session: Session, story: dict[str, Any], *regularizers: dict[str, Any], **changes: Any) -> torch.Tensor:
    return session.run({**story, "regularizers": list(regularizers), **changes}).latents


def check(session: Session, story: dict[str, Any], method: dict[str, Any]) -> None:
    """Alone and with TAR it changes the video, and at strength 0 it does not."""
    plain, tar = latents(session, story), latents(session, story, TAR)
    alone, both = latents(session, story, method), latents(session, story, TAR, method)
    assert bool(both.isfinite().all())
    assert not torch.equal(alone, plain)
    assert not torch.equal(both, tar)
    assert not torch.equal(both, alone)
    assert torch.equal(latents(session, story, TAR, {**method, "strength": 0}), tar)


@pytest.mark.parametrize("method", [*EVERYWHERE, *OVER_FRAMES], ids=name)
@pytest.mark.parametrize("family", ["modelscope", "animatediff"])
def test_regularizers_where_frames_attend_to_each_other(session, models, family, method):
    check(session, spec(models[family]), method)


def wan(directory) -> dict[str, Any]:
    return spec({"use": "wan", "path": str(directory)}, 17, size=[32, 32], sampling={"steps": 2})


@pytest.mark.parametrize("method", [*EVERYWHERE, *OVER_FRAMES], ids=name)
def test_regularizers_where_all_tokens_attend_to_each_other(session, wan_21, method):
    """Of five latent frames."""
    check(session, wan(wan_21), {**method, **{key: 2 for key in ("size", "stride", "trained_frames") if key in method}})


@pytest.mark.parametrize("method", OVER_FRAMES, ids=name)
@pytest.mark.parametrize("model", ["cogvideox_5b", "hunyuan15_dir"])
def test_functions_of_frames_where_text_is_in_the_same_attention(opened, model, method):
    small = {**method, **{key: 2 for key in ("size", "stride", "trained_frames") if key in method}}
    loaded = load_spec({"prompt": "a landscape", "regularizers": [small]})
    regularizer = loaded.catalog.make("regularizers", loaded.spec.regularizers[0])
    x, text = transformer_models.latents(opened), transformer_models.one_text(opened)
    found = []
    for regularizers in ([], [regularizer]):
        plan = plan_attention(opened.facts.sites, regularizers, opened.facts.clock(17, opened.facts.fps), 2)
        with nurse(opened.denoiser, plan, opened.family) as nursing:
            nursing.at(0, 2)
            nursing.call((True,), x.shape[-2], x.shape[-1])
            found.append(opened.denoise(x, torch.tensor(500.0), text))
    assert bool(found[1].isfinite().all())
    assert (found[1] - found[0]).abs().max() > 1e-5


def test_rotary_positions_of_wan(session, wan_21):
    """Of nine latent frames, in which the fastest frequency of the tiny network comes round."""
    story = wan(wan_21) | {"frames": 33}
    check(session, story, {"use": "longvideo/riflex", "frequency": 1})


@pytest.mark.parametrize("family", ["modelscope", "animatediff", "wan"])
def test_noise_and_story(session, models, wan_21, family):
    story = wan(wan_21) if family == "wan" else spec(models[family])
    tar = latents(session, story, TAR)
    assert not torch.equal(latents(session, story, TAR, sampling={**story["sampling"], "noise": NOISE}), tar)
    assert not torch.equal(latents(session, story, TAR, synopsis=CYCLE, prompt="a year"), tar)


@pytest.mark.parametrize("family", ["modelscope", "animatediff"])
def test_several_turns(session, models, family):
    story = spec(models[family])
    sampling = {**story["sampling"], "scheduler": {"use": "ddim", "config": {"timestep_spacing": "leading"}}}
    turns = {"use": "longvideo/freeinit", "turns": 2}
    tar = latents(session, story, TAR, sampling=sampling)
    assert not torch.equal(latents(session, story, TAR, sampling={**sampling, "sampler": turns}), tar)


@pytest.mark.parametrize("method", [*EVERYWHERE, *OVER_FRAMES], ids=name)
def test_under_compilation_each_is_one_graph(method):
    """Traced whole (``fullgraph``) and run as traced: what the compiler's own code makes of it is not the question."""
    loaded = load_spec({"prompt": "a landscape", "regularizers": [method]})
    site = SiteAddress("down.0", "down", 0, 2, 8)
    plan = plan_attention([site], [loaded.catalog.make("regularizers", loaded.spec.regularizers[0])], Clock(16, 8.0), 2)
    current = Current(Moment(0, 2, 999.0), CallLayout(lambda: (False, True), 2, 2))
    attend = compile_acts(plan.sites[0].site, plan.sites[0].active(0, 2), current)
    query, key, value = torch.randn(3, 8, 2, 16, 8, generator=torch.Generator().manual_seed(0))
    eager = attend(query, key, value)
    torch._dynamo.reset()
    traced = torch.compile(lambda q, k, v: attend(q, k, v), fullgraph=True, backend="eager")
    assert torch.equal(traced(query, key, value), eager)
