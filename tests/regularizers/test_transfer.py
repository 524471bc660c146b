"""transfer: the pace of a clip, its formula, and the files that it reaches."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from pydantic import ValidationError

from tests.moving_clips import moving, write_clip
from vstar_sdk import Guard, RegularizerOptions, hookimpl, load_spec
from vstar_sdk.attaching.arguments import read
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.operations import Bias, Mix
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.attention.terms import frame_distance
from vstar_sdk.attention.trial import try_functions
from vstar_sdk.cli.main import cli
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.options import LocalFile
from vstar_sdk.regularizers.similarity import similarity, similarity_of_video
from vstar_sdk.regularizers.transfer import Profile, Transfer, TransferOptions
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.resolving import resolve

FRAMES = 6
ADDRESS = SiteAddress("blocks.0.attn", "down", 0, 2, 8)
SITE = Site.at(ADDRESS, Clock(FRAMES, 8.0))
PROFILE = Profile(values=[2.0, 1.0, 0.5, 0.0], fps=8.0)
STORY = {
    "frames": 4,
    "size": [32, 32],
    "synopsis": {"use": "states", "states": ["a volcano wakes up"]},
    "sampling": {"steps": 2},
}


def vstar(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def matrix(site=SITE, **options):
    (one,) = Transfer(TransferOptions(profiles={0: PROFILE}, **options)).operations(site)
    assert isinstance(one, Bias | Mix)
    return one.fn(frame_distance(site.clock))


def written_out(profile, at):
    """Straight lines between the values, by hand."""
    if at >= len(profile) - 1:
        return profile[-1] / profile[0]
    before = math.floor(at)
    return (profile[before] + (at - before) * (profile[before + 1] - profile[before])) / profile[0]


@pytest.mark.parametrize(
    ("site", "options", "scale"),
    [
        (SITE, {}, 1.0),
        (Site.at(ADDRESS, Clock(FRAMES, 16.0)), {}, 0.5),
        (Site.at(ADDRESS, Clock(FRAMES, 16.0)), {"distance": "frames"}, 1.0),
        (SITE, {"distance": "clip"}, 3 / 5),
        (Site.at(ADDRESS, Clock(9, 32.0, Rhythm.causal(4))), {}, 1.0),
        (Site.at(ADDRESS, Clock(9, 32.0, Rhythm.causal(4))), {"distance": "frames"}, 4.0),
    ],
)
def test_a_bias_is_the_profile_at_the_distance_in_the_clip(site, options, scale):
    found, places = matrix(site, **options), site.clock.positions
    for i, one in enumerate(places):
        for j, other in enumerate(places):
            assert float(found[i, j]) == pytest.approx(written_out(PROFILE.values, abs(one - other) * scale))


def test_a_mix_is_the_same_with_rows_that_sum_to_1():
    bias = matrix()
    torch.testing.assert_close(matrix(form="mix"), bias / bias.sum(1, keepdim=True))


def test_attention_becomes_what_the_formulas_say():
    q, k, v = torch.randn(3, 5, 2, FRAMES, 16, generator=torch.Generator().manual_seed(0))
    site = Site("attn", "down", 0, 2, 16, FRAMES, 8.0)
    logits, band = (q @ k.mT).double() / 4, torch.zeros(FRAMES, FRAMES, dtype=torch.float64)
    for i in range(FRAMES):
        for j in range(FRAMES):
            band[i, j] = written_out(PROFILE.values, abs(i - j))

    def out(**options):
        given = Transfer(TransferOptions(profiles={0: PROFILE}, **options))
        return compile_acts(site, (Act("it", (0.0, 1.0), given.operations(site)),))(q, k, v)

    for stat, scaled in (("max", logits.amax(-1, keepdim=True)), ("none", torch.ones(()))):
        wanted = (logits + scaled * band).softmax(-1) @ v.double()
        torch.testing.assert_close(out(stat=stat).double(), wanted, atol=1e-5, rtol=0)
    mixed = 0.7 * logits.softmax(-1) + 0.3 * band / band.sum(1, keepdim=True)
    torch.testing.assert_close(out(form="mix", weight=0.3).double(), mixed @ v.double(), atol=1e-5, rtol=0)


def test_it_acts_at_its_levels_and_never_before_the_first_block():
    given = Transfer(TransferOptions(profiles={0: PROFILE, 1: PROFILE}, levels=[1]))
    assert given.operations(SITE) == ()
    assert given.operations(Site("attn", "init", 1, 2, 8, FRAMES, 8.0)) == ()
    assert len(given.operations(Site("attn", "mid", 1, 2, 8, FRAMES, 8.0))) == 1


def test_models_whose_tokens_all_attend_have_the_defaults_of_tar():
    given = {"profiles": {0: PROFILE}}
    bias, mix = (TransferOptions.model_validate({**given, "form": form}).for_joint() for form in ("bias", "mix"))
    assert (bias.stat, bias.strength, mix.strength) == ("spread", 0.5, 1.0)
    assert TransferOptions.model_validate({**given, "strength": 2.0}).for_joint().strength == 2.0


def test_the_similarity_is_a_gaussian_of_lins_concordance():
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    frames[1] = frames[0] // 2 + 30  # the same picture, paler
    found = similarity(iter(frames), 10.0)
    pairs: dict[int, list[float]] = {}
    for i in range(5):
        for j in range(i, 5):
            x, y = frames[i].astype(float).ravel(), frames[j].astype(float).ravel()
            c = 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
            pairs.setdefault(j - i, []).append(math.exp(-10 * (1 - c)))
    assert found == pytest.approx([np.mean(pairs[distance]) for distance in range(5)])
    assert 1e-3 < pairs[1][0] < 0.95


def test_flat_frames_are_alike_where_they_are_equal():
    flat = np.stack([np.full((8, 8, 3), level, np.uint8) for level in (90, 90, 200)])
    assert similarity(iter(flat), 10.0) == pytest.approx((1.0, (1 + math.exp(-10)) / 2, math.exp(-10)))


def test_faster_clips_are_less_like_themselves(clip):
    still, slow, fast = (similarity_of_video(clip(12, speed), 10.0)[0] for speed in (0, 1, 4))
    assert still == pytest.approx([1.0] * 12)
    assert all(one > other for one, other in zip(slow[1:], fast[1:], strict=True))


def planned(tmp_path, regularizer, **more):
    file = tmp_path / "story.yaml"
    file.write_text(yaml.safe_dump(STORY | {"regularizers": [regularizer]} | more))
    return make_plan(load_spec(file))


def test_a_resolved_spec_holds_the_numbers_and_needs_the_file_no_more(tmp_path):
    file = write_clip(tmp_path / "pan.mp4", moving(8, 2))
    plan = planned(tmp_path, {"use": "transfer", "clip": "pan.mp4"})
    assert plan.story is not None
    resolved = resolve(plan, plan.story)
    (options,) = resolved.model_dump(mode="json")["regularizers"]
    values, fps = similarity_of_video(file, 10.0)
    assert options["clip"] is None
    assert options["profiles"]["0"] == {"values": pytest.approx(values, abs=1e-6), "fps": fps}
    file.unlink()
    again = make_plan(load_spec(json.loads(resolved.model_dump_json())))
    found = []
    for one in (plan, again):
        operation = one.attention.sites[0].acts[0].operations[0]
        assert isinstance(operation, Bias)
        found.append(operation.fn(frame_distance(one.attention.clock)))
    assert torch.equal(*found)


def test_at_strength_0_it_is_the_plain_run(session, tmp_path):
    write_clip(tmp_path / "pan.mp4", moving(8, 2))
    plain = session.run(STORY | {"regularizers": []}).latents
    for form in ("bias", "mix"):
        clip = {"use": "transfer", "clip": str(tmp_path / "pan.mp4"), "form": form}
        off = session.run(STORY | {"regularizers": [{**clip, "strength": 0}]})
        assert torch.equal(off.latents, plain)
        assert not torch.equal(session.run(STORY | {"regularizers": [clip]}).latents, plain)


def test_a_still_clip_has_no_bias(tmp_path):
    write_clip(tmp_path / "still.mp4", moving(8, 0))
    with pytest.raises(SpecError, match="nothing changes in the clip") as refused:
        planned(tmp_path, {"use": "transfer", "clip": "still.mp4"})
    assert refused.value.path == ("regularizers", 0, "clip")
    assert "story.yaml:" in str(refused.value)
    plan = planned(tmp_path, {"use": "transfer", "clip": "still.mp4", "form": "mix"})
    try_functions(plan.attention, 2)
    assert planned(tmp_path, {"use": "transfer", "clip": "still.mp4", "strength": 0}).regularizers


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.mp4", "nowhere.mp4 cannot be read: No such file"),
        ("one.mp4", "has one frame, which has no pace"),
        ("broken.mp4", "broken.mp4 cannot be read"),
        ("notes.txt", "its name must end in one of"),
    ],
)
def test_files_that_are_no_clip_are_refused(tmp_path, name, words):
    write_clip(tmp_path / "one.mp4", moving(1, 0))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(SpecError, match=words) as refused:
        planned(tmp_path, {"use": "transfer", "clip": name})
    assert refused.value.path == ("regularizers", 0, "clip")


def test_a_guard_keeps_a_clip_below_its_roots(tmp_path):
    write_clip(tmp_path / "pan.mp4", moving(8, 2))
    spec = STORY | {"regularizers": [{"use": "transfer", "clip": str(tmp_path / "pan.mp4")}]}
    with pytest.raises(SpecError, match=r"regularizers\[0\]\.clip: leads outside of the folders that are allowed: none"):
        load_spec(spec, guard=Guard())
    assert load_spec(spec, guard=Guard(roots=(tmp_path,)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clip": "a.mp4", "profiles": {0: PROFILE}},
        {"profiles": {1: PROFILE}},
        {"profiles": {0: {"values": [0.0, 1.0], "fps": 8}}},
        {"profiles": {0: {"values": [1.0], "fps": 8}}},
        {"clip": ""},
        {"clip": "a.mp4", "weight": 0},
    ],
)
def test_options_without_a_meaning_are_refused(options):
    with pytest.raises(ValidationError):
        TransferOptions(**options)


def test_the_command_puts_it_in_the_place_of_tar(tmp_path, clip):
    (tmp_path / "story.yaml").write_text(yaml.safe_dump(STORY | {"regularizers": ["tar", {"use": "alibi"}]}))
    arguments = [
        "transfer",
        str(clip(8, 2)),
        str(tmp_path / "story.yaml"),
        "--as",
        "mix",
        "--strength",
        "0.5",
        "--window",
        "0",
        "1",
    ]
    done = CliRunner().invoke(cli, [*arguments, "-q", "-o", str(tmp_path / "run")])
    assert done.exit_code == 0, done.stderr
    spec = yaml.safe_load((tmp_path / "run" / "spec.yaml").read_text())
    alibi, transfer = spec["regularizers"]
    assert (alibi["use"], transfer["use"], transfer["form"]) == ("alibi", "transfer", "mix")
    assert (transfer["strength"], transfer["window"]) == (0.5, [0.0, 1.0])


@pytest.mark.slow
def test_the_profile_can_be_that_of_recorded_attention(tmp_path, clip):
    (tmp_path / "story.yaml").write_text(yaml.safe_dump(STORY))
    of = ["--of", "attention", "--level", "0", "--level", "1"]
    done = CliRunner().invoke(
        cli, ["transfer", str(clip(8, 2)), str(tmp_path / "story.yaml"), *of, "-q", "-o", str(tmp_path / "run")]
    )
    assert done.exit_code == 0, done.stderr
    (given,) = yaml.safe_load((tmp_path / "run" / "spec.yaml").read_text())["regularizers"]
    small = ["--frames", "4", "-s", "size=[32,32]", "-s", "sampling.steps=2"]
    assert vstar("analyze", "maps", "--real", clip(8, 2), *small, "-q", "-o", tmp_path / "maps").exit_code == 0
    (recorded,) = json.loads((tmp_path / "maps" / "maps.json").read_text())["clips"]
    profiles = {int(level): one["values"] for level, one in given["profiles"].items()}
    for group in recorded["groups"]:
        wanted = np.array(group["profile"]) / group["profile"][0]
        assert profiles[int(group["name"].removeprefix("level "))] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.slow
def test_attach_reads_the_clip_when_it_is_called(clip):
    (given, *_), *_ = read([{"use": "transfer", "clip": str(clip(12, 1))}], None, "linear", None, 8.0, [])
    values = given.options.model_dump()["profiles"][0]["values"]
    assert values == pytest.approx(similarity_of_video(clip(12, 1), 10.0)[0], abs=1e-6)
    with pytest.raises(SpecError, match=r"nowhere\.mp4 cannot be read") as refused:
        read(["tar", {"use": "transfer", "clip": "nowhere.mp4"}], None, "linear", None, 8.0, [])
    assert refused.value.path == ("regularizers", 1, "clip")


def test_so_does_a_regularizer_of_a_plugin_that_names_a_file(tmp_path):
    class ReadOptions(RegularizerOptions):
        file: Annotated[str, LocalFile()] | None = None
        slope: float = 0.0

        def resolved(self):
            return self.model_copy(update={"file": None, "slope": float(Path(self.file).read_text())}) if self.file else self

    class Lean:
        def __init__(self, options):
            self.options = options

        def operations(self, site):
            return [Bias(lambda distance: -self.options.slope * distance.abs())]

    class Acme:
        vstar_plugin_name = "acme"

        @hookimpl
        def register_regularizers(self, register):
            register("lean", options=ReadOptions, factory=Lean, summary="Leans.")

    (tmp_path / "slope.txt").write_text("0.25")
    (tmp_path / "story.yaml").write_text(yaml.safe_dump(STORY | {"regularizers": [{"use": "acme/lean", "file": "slope.txt"}]}))
    plan = make_plan(load_spec(tmp_path / "story.yaml", plugins=[Acme()]))
    assert plan.story is not None
    (options,) = resolve(plan, plan.story).model_dump(mode="json")["regularizers"]
    assert (options["file"], options["slope"]) == (None, 0.25)
    operation = plan.attention.sites[0].acts[0].operations[0]
    assert isinstance(operation, Bias)
    assert float(operation.fn(torch.tensor(2.0))) == -0.5
