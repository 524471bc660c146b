"""Runs whose frames read the text of all key states."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from click.testing import CliRunner

from vstar_sdk import FrameText, SpecError, TextOptions, hookimpl, load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.errors import PluginError, RunPaused
from vstar_sdk.runs.plan import make_plan

SUMMER, WINTER, AUTUMN = "a green landscape in summer", "a snowy landscape in winter", "an orange landscape in autumn"
KINDS = {
    "wan_21": "wan",
    "wan_22": "wan",
    "tiny_ltx": "ltx",
    "tiny_ltx2": "ltx2",
    "cogvideox_2b": "cogvideox",
    "kandinsky5_dir": "kandinsky5",
}


def story(name: str, directory: Any, /, **changes: Any) -> dict[str, Any]:
    own = {
        "prompt": "a landscape from summer to autumn",
        "size": [64, 64],
        "frames": 17,
        "negative_prompt": WINTER,
        "timeline": {"use": "relay", "decay": "boundary"},
        "synopsis": {"use": "states", "states": [SUMMER, AUTUMN]},
        "regularizers": [{"use": "tar", "sigma": 1}],
        "sampling": {"steps": 2},
        "output": [{"use": "frames", "path": "stills"}],
    }
    return {**own, "model": {"use": KINDS[name], "path": str(directory)}, **changes}


@pytest.fixture(params=[name if name != "kandinsky5_dir" else pytest.param(name, marks=pytest.mark.slow) for name in KINDS])
def told(request: pytest.FixtureRequest) -> Any:
    """Makes a story on a tiny model."""
    directory = request.getfixturevalue(request.param)
    return lambda **changes: story(request.param, directory, **changes)


def test_a_story_is_told_by_relay(session, told):
    result = session.run(told())
    assert result.latents.isfinite().all()
    assert result.spec.timeline.part == "relay"
    assert torch.equal(session.run(result.spec).latents, result.latents)
    two = session.run(told(sampling={"steps": 2, "guidance_batch": "two"}))
    noise = 1e-3 if result.adapter.facts.name == "Kandinsky 5" else 1e-4  # it rounds what it rotates to bfloat16
    torch.testing.assert_close(two.latents, result.latents, atol=noise, rtol=0)
    other = session.run(told(synopsis={"use": "states", "states": [SUMMER, WINTER]}))
    assert (other.latents - result.latents).abs().max() > 1e-5


def test_states_that_are_alike_are_the_plain_run(session, told):
    alike = {"use": "states", "states": [SUMMER, SUMMER]}
    relayed = session.run(told(synopsis=alike))
    assert torch.equal(relayed.latents, session.run(told(synopsis=alike, timeline={})).latents)
    assert torch.equal(relayed.latents, session.run(told(synopsis={"use": "states", "states": [SUMMER]})).latents)


def test_it_pauses_and_goes_on_to_the_same_bytes(session, cogvideox_2b, tmp_path):
    spec = story("cogvideox_2b", cogvideox_2b)
    whole = session.run(spec).latents
    with pytest.raises(RunPaused):
        session.start(spec, out=tmp_path / "run", pause_after=1).result()
    assert torch.equal(session.resume(tmp_path / "run").result().latents, whole)


def test_transforms_of_the_conditioning_see_the_bias_and_keep_its_shape(session, wan_21):
    seen = []

    class Looking:
        @hookimpl
        def transform_conditioning(self, conditioning, timeline):
            seen.append((tuple(conditioning.text.shape), tuple(conditioning.bias.shape), timeline.states))

    class Losing:
        @hookimpl
        def transform_conditioning(self, conditioning):
            return type(conditioning)(conditioning.text, conditioning.negative)

    session.run(story("wan_21", wan_21), plugins=[Looking()])
    assert seen == [((2, 512, 8), (5, 2), 2)]
    with pytest.raises(PluginError, match="bias: it returned NoneType, not a tensor"):
        session.run(story("wan_21", wan_21), plugins=[Losing()])


def test_the_plan_says_so(told, tmp_path):
    loaded = load_spec(told())
    words = CliRunner().invoke(cli, ["plan", str(_written(tmp_path, loaded))]).output
    assert "text by relay: every frame reads that of all states, most of all its own" in words
    assert "segment bias (relay" in words
    plain = make_plan(load_spec(told(timeline={}, synopsis={"use": "states", "states": [SUMMER]})))
    assert "segment" not in plain.attention.summary(2)


def _written(folder: Any, loaded: Any) -> Any:
    from vstar_sdk.spec.writing import to_yaml

    path = folder / "story.yaml"
    path.write_text(to_yaml(loaded.spec))
    return path


def test_a_story_of_several_states_on_a_joint_model_needs_it(cogvideox_2b):
    with pytest.raises(SpecError, match="does not support 2 different states") as refused:
        make_plan(load_spec(story("cogvideox_2b", cogvideox_2b, timeline={})))
    assert "timeline: {use: relay}" in str(refused.value.hint)


def test_models_whose_frames_read_one_embedding_each_refuse_it_with_its_place():
    with pytest.raises(SpecError, match=r"timeline\.use: miniworld.* cannot follow relay: .*") as refused:
        make_plan(load_spec({"prompt": "a volcano wakes up", "timeline": {"use": "relay"}}))
    assert refused.value.path == ("timeline", "use")
    assert "timeline: {use: blend}" in str(refused.value.hint)


class Backwards:
    """The story from its end."""

    reads = "frames"

    def __init__(self, options: TextOptions) -> None:
        del options

    def text(self, synopsis, embeddings, clock):
        place = torch.linspace(len(embeddings) - 1, 0, clock.latents).round().long()
        return FrameText(embeddings[place])


class Wrong(Backwards):
    def text(self, synopsis, embeddings, clock):
        return FrameText(embeddings[:1])


class Acme:
    namespace = "acme"

    @hookimpl
    def register_texts(self, register):
        register("backwards", options=TextOptions, factory=Backwards, summary="From its end.")
        register("wrong", options=TextOptions, factory=Wrong, summary="Too few.")


def test_a_plugin_brings_a_text_part_of_its_own(session):
    spec = {
        "prompt": "a landscape from summer to winter",
        "frames": 4,
        "synopsis": {"use": "states", "states": [SUMMER, WINTER]},
        "sampling": {"steps": 2},
    }
    backwards = session.run({**spec, "timeline": {"use": "acme/backwards"}}, plugins=[Acme()])
    turned = {**spec, "synopsis": {"use": "states", "states": [WINTER, SUMMER]}}
    steps = {"use": "blend", "interpolation": "hold"}
    turned["synopsis"] = {"use": "states", "states": [WINTER, {"caption": SUMMER, "at": 2}]}
    assert torch.equal(backwards.latents, session.run({**turned, "timeline": steps}).latents)
    with pytest.raises(PluginError, match=r"acme/wrong .*text\(\) returned embeddings of \(1, .*, but \(4, "):
        session.run({**spec, "timeline": {"use": "acme/wrong"}}, plugins=[Acme()])
