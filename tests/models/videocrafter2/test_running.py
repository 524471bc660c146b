"""VideoCrafter2 in a spec: from `vstar convert` to a video, and from every form in which its weights come."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from vstar_sdk import load_spec
from vstar_sdk.cli.main import cli
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.models.videocrafter2.lvdm.fps import condition_on_fps, fps_embedding, load_fps_layers
from vstar_sdk.models.videocrafter2.source import VideoCrafter2, VideoCrafter2Options
from vstar_sdk.resolver import Resolver
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.testing.models import check_model

ROOT = Path(__file__).parents[3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def spec(path, frames=16, **more):
    states = ["a snowy landscape in winter", "a green landscape in summer", "an orange landscape in autumn"]
    return {
        "prompt": "a landscape from winter to autumn",
        "frames": frames,
        "size": [64, 32],
        "model": {"use": "videocrafter2", "path": str(path), "device": "cpu"},
        "synopsis": {"use": "states", "states": states},
        "regularizers": [{"use": "tar", "sigma": {0: 1, 1: 8}, "window": [0.0, 0.56]}],
        "sampling": {"steps": 2},
        **more,
    }


def source(path, resolver=None, **options):
    return VideoCrafter2(VideoCrafter2Options(path=str(path), **options), resolver=resolver)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache directory."""
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_from_the_official_checkpoint_to_videos_of_16_and_64_frames(checkpoint, clip_tokenizer, tmp_path):
    def vstar(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done.output

    out = tmp_path / "videocrafter2"
    said = vstar("convert", "videocrafter2", checkpoint, out, "--tokenizer", clip_tokenizer)
    assert "unet: 620 tensors" in said
    assert said.rstrip().endswith(f"wrote {out}")
    for frames in (16, 64):
        story = tmp_path / f"{frames}.yaml"
        story.write_text(yaml.safe_dump(spec(out, frames, output=[{"use": "frames"}, {"use": "mp4"}])))
        vstar("run", story, "--out", tmp_path / f"run-{frames}", "--quiet")
        assert len([*(tmp_path / f"run-{frames}").rglob("*.png")]) == frames
        assert (tmp_path / f"run-{frames}" / "video.mp4").stat().st_size > 0
        manifest = json.loads((tmp_path / f"run-{frames}" / "manifest.json").read_text())
        assert "fps_embedding/model.safetensors" in manifest["model"]["weights"]
        assert any("row statistics" in line for line in manifest["attention"])


def test_states_regularizer_and_conditioning_fps_each_change_the_video(session, converted):
    def latents(**more):
        return session.run(spec(converted, **more)).latents

    plain = latents()
    assert plain.shape == (1, 4, 16, 4, 8)
    assert torch.equal(plain, latents())
    weak = [{"use": "tar", "sigma": {0: 1, 1: 8}, "strength": 0.0}]
    assert torch.equal(latents(regularizers=weak), latents(regularizers=[]))
    for change in (
        {"regularizers": []},
        {"synopsis": {"use": "states", "states": ["a green landscape in summer"]}},
        {"model": spec(converted)["model"] | {"conditioning_fps": 8}},
    ):
        assert (latents(**change) - plain).abs().max() > 1e-2, change


def test_with_the_same_text_in_every_frame_the_network_is_the_plain_one_bit_for_bit(converted):
    adapter = source(converted).load("cpu", "float32")
    latents = torch.randn(2, 4, 16, 4, 8, generator=torch.Generator().manual_seed(0))
    text = adapter.encode(["", "a green landscape"])
    with torch.no_grad():
        plain = adapter.denoiser(latents, torch.tensor(700), encoder_hidden_states=text).sample
    assert torch.equal(adapter.denoise(latents, torch.tensor(700), text[:, None].expand(-1, 16, -1, -1)), plain)


def embedded(number, weights, name, channels=64):
    """``W2 silu(W1 [cos, sin](number w) + b1) + b2`` with frequencies ``w_i = 10000^(-i / half)``, by the official names."""
    half = channels // 2
    angles = number * torch.tensor([10000 ** (-i / half) for i in range(half)])
    own = {key.removeprefix(f"model.diffusion_model.{name}."): value for key, value in weights.items() if f".{name}." in key}
    inner = own["0.weight"] @ torch.cat([angles.cos(), angles.sin()]) + own["0.bias"]
    return own["2.weight"] @ (inner * inner.sigmoid()) + own["2.bias"]


@pytest.mark.parametrize("fps", [1, 8, 28])
def test_the_embedding_of_frames_a_second_is_added_to_that_of_the_timestep(converted, state, fps):
    denoiser = source(converted, conditioning_fps=fps).load("cpu", "float32").denoiser
    with torch.no_grad():
        found = denoiser.time_embedding(denoiser.time_proj(torch.tensor([481])))
    expected = embedded(481, state, "time_embed") + embedded(fps, state, "fps_embedding")
    torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)


def test_told_frames_a_second_are_those_of_the_bias_that_they_could_be_folded_into(converted):
    layers = load_fps_layers(converted)
    random = torch.Generator().manual_seed(0)
    latents, text = torch.randn(1, 4, 4, 4, 8, generator=random), torch.randn(1, 77, 24, generator=random)
    hooked, other, folded = (source(converted, conditioning_fps=fps).load("cpu", "float32").denoiser for fps in (12, 28, 28))
    folded.time_embedding._forward_hooks.clear()
    with torch.no_grad():
        folded.time_embedding.linear_2.bias.add_(fps_embedding(layers, 12)[0])
        expected = folded(latents, 300, text).sample
        torch.testing.assert_close(hooked(latents, 300, text).sample, expected, atol=2e-5, rtol=0)
        assert (other(latents, 300, text).sample - expected).abs().max() > 1e-2


def test_the_told_frames_a_second_can_be_changed_and_taken_back(converted):
    denoiser = source(converted).load("cpu", "float32").denoiser
    latents, text = torch.randn(1, 4, 4, 4, 8), torch.randn(1, 77, 24)
    with torch.no_grad():
        before = denoiser(latents, 300, text).sample
        handle = condition_on_fps(denoiser, torch.ones(1, 256))
        assert not torch.equal(denoiser(latents, 300, text).sample, before)
        handle.remove()
        assert torch.equal(denoiser(latents, 300, text).sample, before)
    with pytest.raises(ModelError, match="the fps embedding is 64 wide, and that of the timestep 256"):
        condition_on_fps(denoiser, torch.ones(1, 64))


def test_compiled_code_keeps_the_conditioning_and_is_compiled_once(converted):
    """The graph is counted with a backend that runs it as it is."""
    denoiser = source(converted).load("cpu", "float32").denoiser
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    embed = torch.compile(lambda x: denoiser.time_embedding(x), backend=count, fullgraph=True)
    with torch.no_grad():
        for timestep in (1.0, 2.0, 3.0):
            x = torch.full((1, 64), timestep)
            torch.testing.assert_close(embed(x), denoiser.time_embedding(x))
    assert len(graphs) == 1


def test_half_precision(converted):
    adapter = source(converted).load("cpu", "bfloat16")
    latents, text = torch.randn(1, 4, 4, 4, 8), torch.randn(1, 4, 77, 24)
    assert adapter.denoise(latents, torch.tensor(300), text).isfinite().all()


def test_the_models_own_settings_are_the_papers(converted):
    settings = make_plan(
        load_spec({"prompt": "x", "model": spec(converted)["model"], "synopsis": spec(converted)["synopsis"]})
    ).settings
    assert (settings.frames, settings.width, settings.height, settings.fps) == (16, 512, 320, 8.0)
    assert (settings.steps, settings.guidance, settings.eta, settings.scheduler) == (25, 12.0, 1.0, "scaled-ddim")


@pytest.mark.parametrize("scheduler", ["ddim", "dpm++", "EulerDiscreteScheduler"])
def test_another_scheduler_is_refused_before_anything_is_loaded(session, converted, scheduler):
    with pytest.raises(SpecError, match="has no signal_scale") as refused:
        session.run(spec(converted, sampling={"steps": 4, "scheduler": scheduler, "eta": 0.0}))
    assert "remove it" in str(refused.value.hint)


@pytest.mark.parametrize("path", sorted((ROOT / "specs" / "videocrafter2").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_presets_are_the_papers_settings(path, converted):
    plan = make_plan(load_spec(path, overrides=(f"model.path={converted}",)))
    numbers = plan.settings
    assert (numbers.width, numbers.height, numbers.fps, numbers.steps) == (512, 320, 8.0, 25)
    assert (numbers.scheduler, numbers.guidance, numbers.eta) == ("scaled-ddim", 12.0, 1.0)
    assert plan.spec.model.model_dump()["conditioning_fps"] == 28
    levels = {site.site.level for site in plan.attention.sites}
    assert levels == ({0} if numbers.frames <= 32 else {0, 1})
    for site in plan.attention.sites:
        assert site.stretches(25)[0].steps == range(14)


# In which forms the weights come


def test_the_checkpoint_itself_is_converted_once_into_the_cache(checkpoint, clip_tokenizer, converted, cache, monkeypatch):
    model = source(checkpoint, tokenizer=str(clip_tokenizer))
    assert model.facts() == source(converted).facts()
    assert not cache.exists()  # reading the facts converts nothing
    adapter = model.load("cpu", "float32")
    (made,) = (cache / "videocrafter2").iterdir()
    assert adapter.weights() == source(converted).load("cpu", "float32").weights()
    monkeypatch.setattr("vstar_sdk.models.videocrafter2.lvdm.cache.convert", None)  # to be called no more
    again: Any = source(checkpoint, tokenizer=str(clip_tokenizer)).load("cpu", "float32")
    assert again.directory == made


def test_a_run_of_the_checkpoint_is_that_of_the_converted_directory(session, checkpoint, clip_tokenizer, converted, cache):
    ours = spec(checkpoint)
    ours["model"]["tokenizer"] = str(clip_tokenizer)
    found, expected = session.run(ours), session.run(spec(converted))
    assert torch.equal(found.latents, expected.latents)


class Hub:
    """A hub repository that gives what matches the patterns, as a download does."""

    def __init__(self, files, folder):
        self.files, self.folder, self.asked = files, folder, []

    def snapshot(self, reference, revision, allow, ignore=()):
        self.asked.append((reference, revision, tuple(allow)))
        for name, origin in self.files.items():
            if any(Path(name).match(pattern) for pattern in allow):
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin, self.folder / name)
        return self.folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    def serve(files):
        made = Hub(files, tmp_path / "snapshot")
        monkeypatch.setattr("vstar_sdk.weights.finding.snapshot", made.snapshot)
        return made

    return serve


def files_of(directory):
    return {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}


def test_a_converted_directory_on_the_hub_is_planned_from_its_configuration_alone(hub, converted):
    served = hub(files_of(converted))
    model = source("acme/videocrafter2", revision=COMMIT)
    assert model.facts() == source(converted).facts()
    assert served.asked == [("acme/videocrafter2", COMMIT, ("*.json",))]
    assert not [*served.folder.rglob("*.safetensors")]
    assert model.load("cpu", "float32").weights() == source(converted).load("cpu", "float32").weights()


def test_the_official_repository_is_planned_before_its_checkpoint_is_fetched(hub, checkpoint, clip_tokenizer, cache):
    served = hub({"model.ckpt": checkpoint})
    model = source("VideoCrafter/VideoCrafter2", revision=COMMIT, tokenizer=str(clip_tokenizer))
    facts = model.facts()
    assert (facts.levels, len(facts.sites), facts.size_multiple) == ((0, 1, 2, 3), 34, 64)
    assert not (served.folder / "model.ckpt").exists()
    adapter = source("VideoCrafter/VideoCrafter2", revision=COMMIT, tokenizer=str(clip_tokenizer)).load("cpu", "float32")
    assert ("VideoCrafter/VideoCrafter2", COMMIT, ("model.ckpt",)) in served.asked
    assert adapter.facts.levels == (0, 1)


def test_a_repository_with_neither_is_refused(hub):
    hub({})
    with pytest.raises(ModelError, match=r"holds neither unet/config\.json nor model\.ckpt") as refused:
        source("acme/nothing", revision=COMMIT).load("cpu", "float32")
    assert "vstar convert videocrafter2" in str(refused.value.hint)


def test_a_plugin_may_know_the_folder_of_a_hub_id(converted):
    class Knows(Resolver):
        def asset(self, reference):
            return converted if reference == f"acme/videocrafter2@{COMMIT}" else None

    assert source("acme/videocrafter2", Knows(), revision=COMMIT).facts() == source(converted).facts()


def test_a_hub_id_without_a_revision_is_refused():
    with pytest.raises(ModelError, match="a hub id needs a revision"):
        source("VideoCrafter/VideoCrafter2").facts()
    with pytest.raises(SpecError, match=r"model\.revision: .*40 hexadecimal digits"):
        load_spec({"prompt": "x", "model": {"use": "videocrafter2", "path": "a/b", "revision": "main"}})


def test_a_path_is_asked_for():
    with pytest.raises(SpecError, match=r"model\.path: is missing"):
        load_spec({"prompt": "x", "model": {"use": "videocrafter2"}})


def test_a_folder_with_a_unet_alone_is_refused_with_the_reason(converted, tmp_path):
    shutil.copytree(converted / "unet", tmp_path / "unet")
    with pytest.raises(ModelError, match="has no fps_embedding, so the condition on the frame rate") as refused:
        source(tmp_path).facts()
    assert "vstar convert videocrafter2 model.ckpt" in str(refused.value.hint)


def test_a_folder_with_another_scheduler_is_refused(converted, tmp_path):
    shutil.copytree(converted, tmp_path / "copy")
    file = tmp_path / "copy" / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({key: value for key, value in json.loads(file.read_text()).items() if "signal" not in key}))
    with pytest.raises(ModelError, match="has no signal_scale, but VideoCrafter2 was trained with one"):
        source(tmp_path / "copy").facts()


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"holds neither unet/config\.json nor model\.ckpt"):
        source(tmp_path).facts()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda d: (d / "fps_embedding" / "model.safetensors").write_bytes(b"x"),
            "fps_embedding/model.safetensors: cannot be read",
        ),
        (lambda d: (d / "unet" / "diffusion_pytorch_model.safetensors").unlink(), "unet: cannot be loaded"),
    ],
)
def test_a_damaged_folder_is_refused_when_it_is_loaded(converted, tmp_path, damage, message):
    shutil.copytree(converted, tmp_path / "copy")
    damage(tmp_path / "copy")
    with pytest.raises(ModelError, match=message):
        source(tmp_path / "copy").load("cpu", "float32")


def test_a_converted_directory_is_planned_without_torch(converted):
    script = (
        "import sys; from vstar_sdk.models.videocrafter2.source import VideoCrafter2, VideoCrafter2Options\n"
        f"VideoCrafter2(VideoCrafter2Options(path={str(converted)!r})).facts(); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_kits_own_check(converted):
    check_model(VideoCrafter2(VideoCrafter2Options(path=str(converted))), frames=5, width=64, height=64)
