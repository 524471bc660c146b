"""A component of a pipeline: what the library's own loader gives, and refused where the library would make do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, UMT5EncoderModel

from tests.weights.conftest import KINDS
from vstar_sdk.errors import ModelError
from vstar_sdk.weights.components import load_component

PRECISIONS = [torch.float32, torch.float16, torch.bfloat16]


def assert_same(found: Any, wanted: Any) -> None:
    """Equal in everything that a run can see: class, configuration, mode, and every tensor, ties included."""
    assert type(found) is type(wanted)
    theirs = wanted.config.to_dict() if hasattr(wanted.config, "to_dict") else dict(wanted.config)
    ours = found.config.to_dict() if hasattr(found.config, "to_dict") else dict(found.config)
    assert {name: str(value) for name, value in ours.items()} == {name: str(value) for name, value in theirs.items()}
    assert [(name, module.training) for name, module in found.named_modules()] == [
        (name, module.training) for name, module in wanted.named_modules()
    ]
    for tensors in ("named_parameters", "named_buffers"):
        ours, theirs = (dict(getattr(network, tensors)(remove_duplicate=False)) for network in (found, wanted))
        assert list(ours) == list(theirs)
        for name, tensor in theirs.items():
            same = ours[name]
            assert (same.dtype, same.device, same.requires_grad) == (tensor.dtype, tensor.device, tensor.requires_grad), name
            assert (type(same), same.stride(), same.is_contiguous()) == (type(tensor), tensor.stride(), tensor.is_contiguous()), (
                name
            )
            assert torch.equal(same, tensor), name
        assert _ties(ours) == _ties(theirs)
    assert list(found.state_dict()) == list(wanted.state_dict())


def _ties(tensors: dict[str, torch.Tensor]) -> list[list[str]]:
    """Names of one and the same tensor."""
    alike: dict[int, list[str]] = {}
    for name, tensor in tensors.items():
        alike.setdefault(id(tensor), []).append(name)
    return sorted(alike.values())


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_loaded_is_what_the_library_loads(pipeline, name, dtype):
    kind = KINDS[name].kind
    wanted = kind.from_pretrained(pipeline / name, dtype=dtype, use_safetensors=True, local_files_only=True)
    assert_same(load_component(kind, pipeline, name, dtype), wanted)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["UNet3DConditionModel", "WanTransformer3DModel", "UMT5EncoderModel"])
def test_so_it_is_from_files_of_another_precision(pipeline, tmp_path, name, stored, dtype):
    kind = KINDS[name].kind
    kind.from_pretrained(pipeline / name, dtype=stored).save_pretrained(tmp_path / name)
    assert_same(load_component(kind, tmp_path, name, dtype), kind.from_pretrained(tmp_path / name, dtype=dtype))


@pytest.mark.parametrize("name", ["UNet3DConditionModel", "CLIPTextModel", "UMT5EncoderModel"])
def test_so_it_is_from_several_files_with_an_index(pipeline, tmp_path, name):
    kind = KINDS[name].kind
    kind.from_pretrained(pipeline / name).save_pretrained(tmp_path / name, max_shard_size="4KB")
    assert len(list((tmp_path / name).glob("*.safetensors"))) > 1
    assert_same(load_component(kind, tmp_path, name, torch.bfloat16), kind.from_pretrained(tmp_path / name, dtype=torch.bfloat16))


def test_a_network_keeps_in_float32_what_its_class_says(pipeline):
    network: Any = load_component(WanTransformer3DModel, pipeline, "WanTransformer3DModel", torch.bfloat16)
    assert network.blocks[0].scale_shift_table.dtype is torch.float32
    assert network.blocks[0].attn1.to_q.weight.dtype is torch.bfloat16


def test_text_encoders_of_older_transformers_are_read(pipeline, tmp_path):
    shutil.copytree(pipeline / "CLIPTextModel", tmp_path / "text_encoder")
    file = tmp_path / "text_encoder" / "model.safetensors"
    older = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in load_file(file).items()}
    older["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(older, file, metadata={"format": "pt"})
    assert_same(
        load_component(CLIPTextModel, tmp_path, "text_encoder", torch.float16),
        CLIPTextModel.from_pretrained(tmp_path / "text_encoder", dtype=torch.float16),
    )


def test_decoders_of_older_diffusers_are_read(pipeline, tmp_path):
    shutil.copytree(pipeline / "AutoencoderKL", tmp_path / "vae")
    file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    older = {re.sub("|".join(map(re.escape, names)), lambda part: names[part[0]], name): t for name, t in load_file(file).items()}
    assert "decoder.mid_block.attentions.0.query.weight" in older
    save_file(older, file, metadata={"format": "pt"})
    assert_same(load_component(AutoencoderKL, tmp_path, "vae", torch.float32), AutoencoderKL.from_pretrained(tmp_path / "vae"))


def test_one_table_of_words_is_one_tensor(pipeline):
    network: Any = load_component(UMT5EncoderModel, pipeline, "UMT5EncoderModel", torch.bfloat16)
    assert network.encoder.embed_tokens.weight is network.shared.weight


def test_loading_takes_no_random_number_of_the_process(pipeline):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for name, (kind, _) in KINDS.items():
        load_component(kind, pipeline, name, torch.float32)
    assert torch.equal(torch.get_rng_state(), before)


def change(folder: Path, alter: Any) -> None:
    """Rewrite the weights of a folder."""
    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    alter(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def configure(folder: Path, **values: Any) -> None:
    """Change ``config.json``."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def reshape(tensors: dict[str, torch.Tensor]) -> None:
    """Give the first matrix a row too many."""
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 2)
    tensors[name] = torch.zeros(tensors[name].shape[0] + 1, tensors[name].shape[1])


def shorten(folder: Path) -> None:
    """Cut the end of the weights off."""
    (file,) = folder.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-8])


REFUSALS = {
    "a tensor is missing": (
        lambda f: change(f, lambda t: t.pop(min(t))),
        "the weights do not match config.json: missing keys, such",
    ),
    "a tensor is left over": (
        lambda f: change(f, lambda t: t.update(stray=torch.ones(2))),
        "the weights do not match config.json: unexpected keys, such as stray",
    ),
    "a tensor has another shape": (lambda f: change(f, reshape), "shape|mismatch"),
    "the file is cut": (shorten, "cannot be loaded"),
    "the file is missing": (lambda f: [file.unlink() for file in f.glob("*.safetensors")], "cannot be loaded: .*no file"),
    "there is a pickle alone": (
        lambda f: [file.rename(f / f"{file.stem.replace('model', 'pytorch_model', 1)}.bin") for file in f.glob("*.safetensors")],
        "cannot be loaded: .*no file",
    ),
    "the configuration is missing": (lambda f: (f / "config.json").unlink(), "config.json"),
    "the configuration is damaged": (lambda f: (f / "config.json").write_text("{"), "config.json"),
    "the weights are quantised": (
        lambda f: configure(f, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
        "quantised .quantization_config in config.json., which is not supported",
    ),
}


@pytest.mark.parametrize("kind", [UNet2DConditionModel, CLIPTextModel])
@pytest.mark.parametrize("case", REFUSALS)
def test_a_folder_that_does_not_hold_the_network_whole_is_refused(pipeline, tmp_path, kind, case):
    spoil, problem = REFUSALS[case]
    shutil.copytree(pipeline / kind.__name__, tmp_path / "part")
    spoil(tmp_path / "part")
    with pytest.raises(ModelError, match=problem) as refused:
        load_component(kind, tmp_path, "part", torch.float32)
    assert str(tmp_path / "part") in refused.value.message
    assert refused.value.hint


def test_a_file_that_the_index_names_and_nobody_has_is_named(pipeline, tmp_path):
    kind = UNet3DConditionModel
    kind.from_pretrained(pipeline / "UNet3DConditionModel").save_pretrained(tmp_path / "unet", max_shard_size="40KB")
    second = sorted((tmp_path / "unet").glob("*.safetensors"))[1]
    second.unlink()
    with pytest.raises(ModelError, match=f"cannot be loaded: there is no file {second.name}"):
        load_component(kind, tmp_path, "unet", torch.float32)


def test_an_index_that_names_no_files_is_refused(pipeline, tmp_path):
    shutil.copytree(pipeline / "UNet3DConditionModel", tmp_path / "unet")
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text('{"metadata": {}}')
    with pytest.raises(ModelError, match=r"cannot be loaded: .*index\.json names no files"):
        load_component(UNet3DConditionModel, tmp_path, "unet", torch.float32)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(ModelError, match="the folder unet is missing"):
        load_component(UNet3DConditionModel, tmp_path, "unet", torch.float32)
