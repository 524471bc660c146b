"""Maps of generated and real clips: their numbers, and that they are the attention's own, head by head."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from tests.analysis.conftest import ByHand
from tests.miniworld.conftest import write_dit
from tests.transformer_models import load
from vstar_sdk import load_spec
from vstar_sdk.analysis.maps import Heads, Maps, Where
from vstar_sdk.analysis.numbers import numbers_of
from vstar_sdk.analysis.pictures import MOST_GROUPS, MOST_SITES, all_heads, side_by_side
from vstar_sdk.analysis.real import real
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.cli.main import cli
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.joint.source import MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS as BASE
from vstar_sdk.regularizers.tar import gaussian_band
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan

FRAMES = 8
SITE = Site.at(SiteAddress("blocks.0.attn", "down", 0, 2, 8), Clock(FRAMES, 8.0))
QUICK = ["-s", "sampling.steps=2", "-s", "size=[32,32]", "--frames", "4", "-q"]


def vstar(*arguments: str | Path):
    return CliRunner().invoke(cli, list(map(str, arguments)))


def test_the_numbers_are_their_formulas():
    attention = torch.randn(FRAMES, FRAMES, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    numbers, rows = numbers_of(attention, SITE), attention.double().tolist()
    entropy, mass, pairs = 0.0, [0.0] * FRAMES, [0] * FRAMES
    for i in range(FRAMES):
        for j in range(FRAMES):
            entropy -= rows[i][j] * math.log(rows[i][j]) / FRAMES / math.log(FRAMES)
            mass[abs(i - j)] += rows[i][j] / FRAMES
            pairs[abs(i - j)] += 1
    assert numbers.entropy == pytest.approx(entropy, abs=1e-9)
    assert numbers.distances == tuple(range(FRAMES))
    assert numbers.mass == pytest.approx(mass)
    assert sum(numbers.mass) == pytest.approx(1.0, abs=1e-6)
    assert numbers.profile == pytest.approx([FRAMES * FRAMES * m / n for m, n in zip(mass, pairs, strict=True)])


@pytest.mark.parametrize(("frames", "sigma", "published"), [(16, 1, 0.976), (32, 4, 0.904), (48, 8, 0.834), (64, 12, 0.795)])
def test_the_correlation_of_the_band_is_as_published(frames, sigma, published):
    site = Site.at(SITE, Clock(frames, 8.0))
    assert numbers_of(gaussian_band(frames, sigma), site).correlation == pytest.approx(published, abs=5e-4)


def test_the_extremes():
    even, own = numbers_of(torch.full((FRAMES, FRAMES), 1 / FRAMES), SITE), numbers_of(torch.eye(FRAMES), SITE)
    assert (even.entropy, own.entropy) == (pytest.approx(1), 0)
    assert (even.diagonalness, own.diagonalness) == (pytest.approx(0, abs=1e-6), 1)
    assert (even.correlation, own.correlation) == (pytest.approx(0), pytest.approx(1))
    assert even.profile == pytest.approx([1] * FRAMES)


def test_distances_are_those_of_the_clock_and_frames_that_see_text_alone_are_left_out():
    site = Site.at(SITE, Clock(9, 8.0, Rhythm.causal(4)))
    rows = torch.eye(3)
    rows[0] = 0.0
    numbers = numbers_of(rows, site)
    assert numbers.distances == pytest.approx([0, 0.625, 1, 1.625])
    assert numbers.mass == pytest.approx([1, 0, 0, 0])


def check_against_hand(adapter: Any, latents: torch.Tensor, text: torch.Tensor, clock: Clock) -> None:
    """What is recorded is what the network's own queries and keys say."""
    sites = [Site.at(one, clock) for one in adapter.facts.sites if one.block != "init"]
    by_hand = ByHand(adapter.denoiser, [site.name for site in sites])
    by_hand.frames = clock.latents
    timestep = torch.tensor(500)
    with torch.no_grad(), by_hand:
        adapter.denoise(latents, timestep, text)
    by_hand.close()
    recording = Recording(sites, [0], heads=True)
    plan = plan_attention(adapter.facts.sites, [], clock)
    with torch.no_grad(), nurse(adapter.denoiser, plan, adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents, timestep, text)
    seen = list(recording.seen())
    assert [site for site, _, _ in seen] == sites
    for site, _, maps in seen:
        assert maps.shape == (site.heads, clock.latents, clock.latents)
        torch.testing.assert_close(maps, by_hand.maps[site.name], atol=1e-5, rtol=0)
    differ = [float((maps - maps.mean(0)).abs().max()) for _, _, maps in seen]
    assert max(differ) > 1e-3  # heads are told apart


def noise(adapter: Any, clock: Clock, side: int) -> torch.Tensor:
    shape = adapter.latent_shape(clock.frames, side, side)
    return torch.randn(2, *shape[1:], generator=torch.Generator().manual_seed(0))


def told(adapter: Any, clock: Clock) -> torch.Tensor:
    return adapter.encode(["a landscape in winter", ""])[:, None].expand(-1, clock.latents, -1, -1)


def test_maps_of_the_embedded_model_are_those_of_its_queries_and_keys():
    adapter = make_plan(load_spec({"prompt": "a volcano wakes up"})).source.load("cpu", "float32")
    clock = adapter.facts.clock(6, 8.0)
    check_against_hand(adapter, noise(adapter, clock, 32), told(adapter, clock), clock)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["modelscope", "animatediff"])
def test_so_are_those_of_tiny_unets(models, family):
    adapter = make_plan(load_spec({"prompt": "a landscape", "model": models[family]})).source.load("cpu", "float32")
    clock = adapter.facts.clock(6, 8.0)
    check_against_hand(adapter, noise(adapter, clock, 16), told(adapter, clock), clock)


@pytest.mark.slow
def test_so_are_those_of_the_joint_sibling(tmp_path):
    write_dit(tmp_path)
    adapter = MiniworldDitSource(directory=tmp_path, base=BASE).load("cpu", "float32")
    clock = adapter.facts.clock(4, 8.0)
    check_against_hand(adapter, noise(adapter, clock, 64), told(adapter, clock), clock)


@pytest.mark.slow
def test_so_are_those_of_a_tiny_wan(wan_21):
    adapter = load("wan_21", wan_21)
    clock = adapter.facts.clock(17, 16.0)
    check_against_hand(adapter, noise(adapter, clock, 32), told(adapter, clock), clock)


def maps_of(heads: int, sites: int, frames: int = 5, *, stack: bool = False) -> Maps:
    random = torch.Generator().manual_seed(0)
    found = []
    for number in range(sites):
        block, index = ("stack", number) if stack else ("down", None)
        address = SiteAddress(f"blocks.{number}.attn", block, 0 if stack else number % 2, heads, 8, index=index)
        found.append(Heads(Site.at(address, Clock(frames, 8.0)), torch.rand(heads, frames, frames, generator=random)))
    return Maps("a clip", "generated", "a model", 1, 4, 500.0, tuple(found))


def test_groups_are_levels_or_the_blocks_of_a_stack():
    levels, blocks = maps_of(2, 4).groups, maps_of(2, 3, stack=True).groups
    assert [(one.name, one.sites, one.heads) for one in levels] == [("level 0", 2, 4), ("level 1", 2, 4)]
    assert [one.name for one in blocks] == ["block 0", "block 1", "block 2"]
    found = maps_of(2, 4).found
    torch.testing.assert_close(levels[0].mean, torch.cat([found[0].maps, found[2].maps]).mean(0))


@pytest.mark.slow
def test_pictures_of_deep_stacks_and_long_clips_are_bounded():
    deep = maps_of(24, 40, frames=100, stack=True)
    assert max(all_heads(deep).size) < 4000
    assert max(side_by_side([deep, maps_of(2, 3, stack=True)]).size) < 4000
    assert MOST_GROUPS < 40
    assert MOST_SITES < 40


def test_a_picture_shows_the_band():
    near = Maps("near", "real", "m", 0, 1, 1.0, (Heads(SITE, torch.eye(FRAMES).expand(2, -1, -1)),))
    pixels = np.asarray(side_by_side([near]).convert("L"), int)
    dark = np.argwhere(pixels[60:300, 148 : 148 + 192] < 60)
    assert len(dark) == FRAMES * 24 * 24  # the cells of the diagonal


def test_maps_that_are_too_large_are_refused(monkeypatch):
    plan = make_plan(load_spec({"prompt": "a volcano wakes up", "frames": 64}))
    monkeypatch.setattr("vstar_sdk.analysis.maps.LARGEST", 1_000_000)
    with pytest.raises(SpecError, match=r"14 attentions over 64 frames would take 0\.0 GiB") as refused:
        Where().sites(plan)
    assert "--level" in str(refused.value.hint)


@pytest.mark.parametrize("where", [Where(levels=(7,)), Where(blocks=(0, 3))])
def test_places_that_there_are_not_are_refused(where):
    with pytest.raises(SpecError, match="miniworld has no attention over frames to record there; its levels are 0, 1"):
        where.sites(make_plan(load_spec({"prompt": "a volcano wakes up"})))


def test_a_report_of_a_prompt_and_a_real_clip(tmp_path, clip):
    out = tmp_path / "maps"
    made = vstar("analyze", "maps", "a volcano wakes up", *QUICK, "--real", clip(6, 2), "--level", "0", "-o", out)
    assert made.exit_code == 0, made.stderr
    data = json.loads((out / "maps.json").read_text())
    real, generated = data["clips"]
    assert (real["kind"], generated["kind"]) == ("real", "generated")
    assert (real["step"], real["timestep"], real["frames"]) == (generated["step"], generated["timestep"], 4)
    assert [one["name"] for one in real["groups"]] == ["level 0"]
    heads = load_file(out / "heads-1.safetensors")
    mean = torch.cat(list(heads.values())).mean(0)
    torch.testing.assert_close(torch.tensor(real["groups"][0]["map"]), mean, atol=1e-6, rtol=0)
    assert sum(len(maps) for maps in heads.values()) == len(real["heads"]) == 18
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    with Image.open(out / "maps.png") as picture:
        assert picture.width > 600
    again = vstar("analyze", "maps", "a volcano wakes up", *QUICK, "-o", out)
    assert (again.exit_code, "maps.png exists" in again.stderr) == (7, True)


@pytest.mark.slow
def test_a_run_and_its_video_are_sampled_again_to_the_same_maps(tmp_path, session):
    spec = {"prompt": "a volcano wakes up", "frames": 4, "size": [32, 32], "sampling": {"steps": 2}, "regularizers": []}
    session.run(spec, out=tmp_path / "run")
    found = []
    for number, source in enumerate((tmp_path / "run", tmp_path / "run" / "video.mp4")):
        out = tmp_path / str(number)
        assert vstar("analyze", "maps", source, "-q", "-o", out).exit_code == 0
        found.append(json.loads((out / "maps.json").read_text())["clips"][0])
    assert found[0] == found[1]
    assert found[0]["name"] == "run"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to do"),
        (["a volcano wakes up", "--model", "wan"], "the first SPEC says which model"),
        (["a volcano wakes up", "--blocks", "x"], "--blocks x: write the first and the last block"),
        (["--real", "nowhere.mp4"], "the video nowhere.mp4 cannot be read: No such file"),
        (["--real", "{short}", "--frames", "16"], "has 6 frames, and 16 are needed"),
        (["--real", "{short}", "--frames", "4", "--every", "3"], "has 6 frames, and 10 are needed"),
        (["--real", "{broken}"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, monkeypatch, clip, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    given = [one.format(short=clip(6, 2), broken="broken.mp4") for one in arguments]
    done = vstar("analyze", "maps", *given, "-o", "out")
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_guard_keeps_the_output_below_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = vstar("analyze", "maps", "--guarded", "a volcano wakes up", "-o", tmp_path / "out")
    assert (done.exit_code, "is outside of" in done.stderr) == (7, True)


def test_a_model_that_does_not_encode_frames_is_refused(tmp_path, clip):
    plan = make_plan(load_spec({"prompt": "a volcano wakes up", "frames": 4, "regularizers": []}))
    blind = replace(plan, facts=replace(plan.facts, encodes=False))
    with pytest.raises(SpecError, match="miniworld cannot look at a real clip: its adapter does not encode frames"):
        real(blind, clip(6, 2), Where(), Models())


@pytest.mark.slow
@pytest.mark.parametrize("family", ["wan", "animatediff", "modelscope"])
def test_every_family_looks_at_a_real_clip(wan_21, models, clip, family):
    """Also where time is compressed, and where noise is added as flow matching adds it."""
    model = {"use": "wan", "path": str(wan_21)} if family == "wan" else models[family]
    spec = {"frames": 17 if family == "wan" else 8, "size": [32, 32], "model": model, "regularizers": []}
    plan = make_plan(load_spec({**spec, "synopsis": {"use": "states", "states": ["a field"]}, "sampling": {"steps": 4}}))
    for at, step in ((0.0, 0), (0.5, 2), (1.0, 3)):
        maps = real(plan, clip(20, 2), Where(at), Models())
        assert maps.step == step
        latents = plan.attention.clock.latents
        for one in maps.found:
            torch.testing.assert_close(one.maps.sum(-1), torch.ones(one.site.heads, latents), atol=1e-4, rtol=0)
