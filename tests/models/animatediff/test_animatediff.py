"""AnimateDiff: the two parts that it is made of, and clips longer than its positions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from diffusers.models.unets.unet_motion_model import UNetMotionModel
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from tests.tiny_models import CAPTIONS, MOTION, spec
from vstar_sdk import Session, load_spec
from vstar_sdk.errors import MissingDependency, ModelError, SpecError
from vstar_sdk.models import loras
from vstar_sdk.models.animatediff.sites import motion_config, unet_motion_sites
from vstar_sdk.models.animatediff.source import AnimateDiffOptions, AnimateDiffSource, LoraOptions
from vstar_sdk.models.diffusers import compiled
from vstar_sdk.resolver import Resolver
from vstar_sdk.runs.plan import make_plan


@pytest.fixture
def model(models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The ``model`` of a spec."""
    return models["animatediff"]


@pytest.fixture
def loaded(model):
    """The model, loaded."""
    return source(model).load("cpu", "float32")


def source(model: dict[str, Any], **changes: Any) -> AnimateDiffSource:
    options = {key: value for key, value in model.items() if key != "use"}
    return AnimateDiffSource(AnimateDiffOptions.model_validate({**options, **changes}), Resolver())


def test_facts_come_from_both_configurations_and_the_betas_are_the_motion_adapters(model):
    facts = source(model).facts()
    assert (facts.width, facts.height, facts.size_multiple, facts.levels) == (16, 16, 8, (0, 1))
    assert len(facts.sites) == 2 * (1 + 1 + 1 + 2 + 2)
    assert facts.scheduler_config["beta_schedule"] == "linear"


@pytest.mark.parametrize("changes", [{}, {"use_motion_mid_block": False}, {"motion_transformer_layers_per_block": 2}])
def test_the_sites_promised_by_the_two_are_those_of_the_network_that_diffusers_makes_of_them(model, changes):
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.models.unets.unet_motion_model import MotionAdapter

    image = UNet2DConditionModel.from_pretrained(model["path"], subfolder="unet")
    adapter = MotionAdapter(**MOTION, **changes)
    made: Any = UNetMotionModel.from_unet2d(image, adapter, load_weights=False)
    assert unet_motion_sites(motion_config(image.config, adapter.config)) == unet_motion_sites(made.config)


def test_a_clip_within_the_positions_touches_nothing(loaded):
    before = dict(loaded.denoiser.named_buffers())
    with loaded.sampling():
        denoise(loaded, 32)
        assert all(value is before[name] for name, value in loaded.denoiser.named_buffers())


def denoise(adapter: Any, frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 4, frames, 4, 4, generator=generator)
    text = torch.randn(2, frames, 12, 16, generator=generator)
    return adapter.denoise(latents, torch.tensor(500), text)


def test_beyond_them_the_sinusoids_go_on_as_in_a_network_built_for_more(loaded):
    longer: Any = UNetMotionModel.from_config({**loaded.denoiser.config, "motion_max_seq_length": 64})
    weights = {name: value for name, value in loaded.denoiser.state_dict().items() if not name.endswith(".pe")}
    assert all(name.endswith(".pe") for name in longer.load_state_dict(weights, strict=False).missing_keys)
    extended = denoise(loaded, 64)
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 4, 64, 4, 4, generator=generator)
    text = torch.randn(2, 64, 12, 16, generator=generator).flatten(0, 1)
    with torch.no_grad():
        assert torch.equal(extended, longer(latents, torch.tensor(500), encoder_hidden_states=text).sample)


def test_positions_that_are_not_the_formulas_are_not_continued(loaded):
    encoding = next(module for module in loaded.denoiser.modules() if isinstance(module, SinusoidalPositionalEmbedding))
    encoding.pe = encoding.get_buffer("pe") + 0.1
    denoise(loaded, 32)
    with pytest.raises(ModelError, match="positions of 32 frames do not follow the sinusoidal formula"):
        denoise(loaded, 33)
    assert encoding.get_buffer("pe").shape[1] == 32


def test_every_frame_reads_its_own_text(loaded):
    """Without motion every frame is a picture of its own text."""
    for name, weights in loaded.denoiser.named_parameters():
        if "motion_modules" in name and "proj_out" in name:
            torch.nn.init.zeros_(weights)
    summer, winter = loaded.encode(CAPTIONS)
    latents = torch.randn(1, 4, 1, 4, 4).expand(-1, -1, 6, -1, -1)
    text = torch.stack([summer, winter, summer, winter, winter, summer])[None]
    frames = loaded.denoise(latents, torch.tensor(500), text)[0].unbind(1)
    for index in (2, 5):
        assert torch.allclose(frames[index], frames[0], atol=1e-5)
    for index in (3, 4):
        assert torch.allclose(frames[index], frames[1], atol=1e-5)
    assert not torch.allclose(frames[0], frames[1], atol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_beyond_the_positions(model, dtype):
    adapter = source(model).load("cpu", dtype)
    assert denoise(adapter, 40).isfinite().all()


@pytest.mark.slow
def test_the_denoiser_compiles_as_a_whole(model, monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    with Session() as session:
        plain = session.run(spec(model, 33))
        assert torch.allclose(session.run(spec({**model, "compile": True}, 33)).latents, plain.latents, atol=1e-4)


def with_config(directory: Path, target: Path, file: str, **changes: Any) -> Path:
    shutil.copytree(directory, target)
    config = target / file
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    return target


@pytest.mark.parametrize(
    ("which", "changes", "message"),
    [
        ("adapter", {"block_out_channels": [320, 640, 1280]}, r"networks with widths of \[320, 640, 1280\]"),
        ("adapter", {"motion_layers_per_block": 2}, r"networks with layers of \[2, 2\] from block to block"),
        ("adapter", {"conv_in_channels": 9}, "needs a picture in addition to the prompt"),
        ("adapter", {"_class_name": "T2IAdapter"}, "its motion adapter is a T2IAdapter, but a MotionAdapter is needed"),
        ("path", {"_class_name": "UNetMotionModel"}, "its network is a UNetMotionModel, but a UNet2DConditionModel"),
        ("path", {"in_channels": 9}, "takes 9 channels"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_anything_is_loaded(model, tmp_path, which, changes, message):
    file = "config.json" if which == "adapter" else "unet/config.json"
    changed = with_config(Path(model[which]), tmp_path / "changed", file, **changes)
    with pytest.raises(ModelError, match=message) as refused:
        source(model, **{which: str(changed)}).facts()
    assert "Stable Diffusion 1.5" in str(refused.value.hint)


def test_a_damaged_adapter_is_named(model, tmp_path):
    damaged = tmp_path / "adapter"
    shutil.copytree(model["adapter"], damaged)
    file = damaged / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights[min(weights)]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(ModelError, match=r"adapter: the weights do not match config\.json: missing keys"):
        source(model, adapter=str(damaged)).load("cpu", "float32")


def test_an_adapter_has_to_be_named(model):
    with pytest.raises(SpecError, match=r"model.adapter: is missing"):
        load_spec(spec({"use": "animatediff", "path": model["path"]}))


@pytest.mark.parametrize("file", ["../other.safetensors", "/etc/x", "a/../../b", "C:\\x", "..\\x", "~/x"])
def test_the_file_of_a_lora_is_in_its_folder(file):
    with pytest.raises(ValidationError, match="leaves the folder of the LoRA"):
        LoraOptions(path="./lora", file=file)
    assert LoraOptions(path="./lora", file="motion/zoom.safetensors").file == "motion/zoom.safetensors"


def test_loras_without_peft_name_it_before_anything_is_loaded(model, monkeypatch):
    monkeypatch.setattr(loras, "peft_installed", lambda: False)
    with pytest.raises(MissingDependency, match="'peft'") as missing:
        make_plan(load_spec(spec({**model, "loras": [{"path": "./zoom.safetensors"}]})))
    assert missing.value.hint == "pip install peft"
