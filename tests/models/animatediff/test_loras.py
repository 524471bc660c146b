"""LoRAs of images and of motion, merged into the weights. They need the package peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from vstar_sdk.errors import ModelError
from vstar_sdk.models.animatediff.source import AnimateDiffOptions, AnimateDiffSource
from vstar_sdk.resolver import Resolver

pytest.importorskip("peft", reason="LoRAs are merged by peft")

MOTION_SITE = "down_blocks.0.motion_modules.0.transformer_blocks.0.attn1.to_q"
IMAGE_SITE = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


def halve(file: Path) -> None:
    """A LoRA whose second factor is missing."""
    write_lora(file, MOTION_SITE, 16, 16)
    save_file({name: tensor for name, tensor in load_file(file).items() if "lora_A" in name}, file)


def write_lora(file: Path, site: str, rows: int, columns: int, prefix: str = "unet") -> torch.Tensor:
    """A LoRA of rank 2 at one layer.

    Returns:
        What it adds to the layer's weights.
    """
    generator = torch.Generator().manual_seed(len(site))
    down, up = torch.randn(2, columns, generator=generator), torch.randn(rows, 2, generator=generator)
    save_file({f"{prefix}.{site}.lora_A.weight": down, f"{prefix}.{site}.lora_B.weight": up}, file)
    return up @ down


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a LoRA of motion and one of images, by these names."""
    write_lora(tmp_path / "motion.safetensors", MOTION_SITE, 16, 16)
    write_lora(tmp_path / "image.safetensors", IMAGE_SITE, 16, 16)
    return tmp_path


def load(models: dict[str, dict[str, Any]], *loras: dict[str, Any], dtype: str = "float32", **changes: Any) -> Any:
    options = {key: value for key, value in models["animatediff"].items() if key != "use"}
    written = AnimateDiffOptions.model_validate({**options, **changes, "loras": loras})
    return AnimateDiffSource(written, Resolver()).load("cpu", dtype)


def test_each_is_added_by_its_weight_and_nothing_else_changes(models, folder):
    plain = load(models).denoiser
    motion = write_lora(folder / "motion.safetensors", MOTION_SITE, 16, 16)
    image = write_lora(folder / "image.safetensors", IMAGE_SITE, 16, 16)
    adapter = load(
        models,
        {"path": str(folder / "motion.safetensors"), "weight": 0.5},
        {"path": str(folder), "file": "image.safetensors", "weight": -1.0},
    )
    expected = dict(plain.state_dict())
    expected[f"{MOTION_SITE}.weight"] = expected[f"{MOTION_SITE}.weight"] + 0.5 * motion
    expected[f"{IMAGE_SITE}.weight"] = expected[f"{IMAGE_SITE}.weight"] - image
    merged = adapter.denoiser.state_dict()
    assert merged.keys() == expected.keys()
    assert {name for name in merged if not torch.allclose(merged[name], expected[name], atol=1e-6)} == set()
    assert [type(module) for module in adapter.denoiser.modules()] == [type(module) for module in plain.modules()]
    assert {name for name in adapter.weights() if name.startswith("loras/")} == {
        "loras/0/motion.safetensors",
        "loras/1/image.safetensors",
    }


def test_the_scale_in_a_files_metadata_counts(models, tmp_path):
    """As peft's trainers write it: alpha over rank, here 6 over 2."""
    file = tmp_path / "scaled.safetensors"
    change = write_lora(file, MOTION_SITE, 16, 16)
    told = {"unet.r": 2, "unet.lora_alpha": 6, "unet.target_modules": [MOTION_SITE]}
    save_file(load_file(file), file, metadata={"format": "pt", "lora_adapter_metadata": json.dumps(told)})
    plain, scaled = (load(models, *loras).denoiser.state_dict() for loras in ([], [{"path": str(file)}]))
    name = f"{MOTION_SITE}.weight"
    torch.testing.assert_close(scaled[name], plain[name] + 3.0 * change)


@pytest.mark.parametrize("middle", ["attn1.to_q_lora", "attn1.processor.to_q_lora"])
def test_the_older_names_of_motion_loras_are_read(models, folder, tmp_path, middle):
    new = load(models, {"path": str(folder / "motion.safetensors")}).denoiser.state_dict()
    weights = load_file(folder / "motion.safetensors")
    older = {
        name.replace("attn1.to_q.lora_A", f"{middle}.down").replace("attn1.to_q.lora_B", f"{middle}.up"): value
        for name, value in weights.items()
    }
    save_file(older, tmp_path / "older.safetensors")
    old = load(models, {"path": str(tmp_path / "older.safetensors")}).denoiser.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in new)


def test_weight_0_is_the_plain_model(models, folder):
    plain = load(models).denoiser.state_dict()
    nothing = load(models, {"path": str(folder / "motion.safetensors"), "weight": 0.0}).denoiser.state_dict()
    assert all(torch.equal(nothing[name], plain[name]) for name in plain)


def test_the_text_encoder_takes_its_part(models, tmp_path):
    file = tmp_path / "style.safetensors"
    site = "text_model.encoder.layers.0.self_attn.q_proj"
    write_lora(file, site, 16, 16, prefix="text_encoder")
    plain, styled = load(models), load(models, {"path": str(file)})
    changed = {
        name
        for name, value in styled.networks.text.encoder.state_dict().items()
        if not torch.equal(value, plain.networks.text.encoder.state_dict()[name])
    }
    assert len(changed) == 1
    assert "layers.0.self_attn.q_proj.weight" in changed.pop()


def test_they_are_merged_in_full_precision_and_rounded_once(models, folder):
    lora = {"path": str(folder / "motion.safetensors"), "weight": 0.01}
    full, half = load(models, lora), load(models, lora, dtype="bfloat16")
    assert half.denoiser.dtype == half.networks.text.encoder.dtype == torch.bfloat16
    for name, value in full.denoiser.state_dict().items():
        assert torch.equal(half.denoiser.state_dict()[name], value.to(torch.bfloat16)), name


def test_a_folder_of_several_files_needs_a_name(models, folder):
    with pytest.raises(ModelError, match=r"one safetensors file, but this folder has image.safetensors, motion.safetensors"):
        load(models, {"path": str(folder)})
    with pytest.raises(ModelError, match=r"has no file other\.safetensors"):
        load(models, {"path": str(folder), "file": "other.safetensors"})


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: write_lora(file, "down_blocks.9.attn.to_q", 16, 16), "cannot be loaded as a LoRA"),
        (lambda file: write_lora(file, MOTION_SITE, 24, 16), "cannot be loaded as a LoRA"),
        (lambda file: write_lora(file, MOTION_SITE, 16, 16, prefix="transformer"), "has no weights for this network"),
        (lambda file: save_file({"weight": torch.ones(2)}, file), "cannot be loaded as a LoRA"),
        (lambda file: file.write_bytes(b"damaged"), "cannot be loaded as a LoRA"),
        (halve, rf"cannot be loaded as a LoRA: unet.{MOTION_SITE}.lora_B.weight is missing"),
    ],
)
def test_a_file_that_fits_nothing_is_named(models, tmp_path, write, message):
    file = tmp_path / "strange.safetensors"
    write(file)
    with pytest.raises(ModelError, match=f"strange.safetensors: {message}"):
        load(models, {"path": str(file)})
