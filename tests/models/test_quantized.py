"""Quantised weights of the denoiser. Those of a package that is not installed are tested as far as its refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from tests.transformer_models import latents, load, one_text, source
from vstar_sdk import MissingDependency, ModelError
from vstar_sdk.models import quantizing
from vstar_sdk.models.diffusers import quantized
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.quantizing import Quantized
from vstar_sdk.testing.tiny_joint import write_joint

slow = pytest.mark.slow
WIDE = {"attention_head_dim": 16, "ffn_dim": 64, "text_dim": 8, "freq_dim": 32}
"""Rows of 32 numbers or more, as the blocks of quantised formats have."""
LOAD = Workload(frames=17, width=32, height=32, branches=1, dtype="float32")


@pytest.fixture
def wide(tmp_path) -> Path:
    write_joint(tmp_path / "wan", transformer=WIDE)
    return tmp_path / "wan"


def step(adapter: Any) -> torch.Tensor:
    return adapter.denoise(latents(adapter), torch.tensor(500.0), one_text(adapter))


@pytest.mark.parametrize(
    ("options", "key", "package"),
    [
        ({"quantize": "bitsandbytes-4bit"}, "quantize: bitsandbytes-4bit", "bitsandbytes"),
        ({"quantize": "torchao-int8"}, "quantize: torchao-int8", "torchao"),
        ({"gguf": "./a.gguf"}, "gguf", "gguf"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_the_command(wan_21, monkeypatch, options, key, package):
    monkeypatch.setattr(quantizing, "installed", lambda package: False)
    with pytest.raises(MissingDependency, match=f"model.{key} needs the package '{package}'") as refused:
        source("wan_21", wan_21, **options).facts()
    assert str(refused.value.hint).startswith("pip install")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cogvideox_5b", {"gguf": "./a"}, "Extra inputs are not permitted"),
        ("wan_21", {"quantize": "torchao-int8", "offload": "group"}, "torchao and offload: group cannot be combined"),
        ("wan_21", {"quantize": "bitsandbytes-8bit", "offload": "model"}, "bitsandbytes and offload: model cannot be"),
        ("wan_21", {"quantize": "torchao-int8", "gguf": "./a"}, "quantised already: remove quantize or gguf"),
        ("wan_22", {"quantize": "torchao-int8", "gguf_2": "./a"}, "quantised already: remove quantize or gguf"),
        ("wan_21", {"quantize": "magic"}, "Input should be 'bitsandbytes-8bit'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, name, options, message):
    with pytest.raises(ValidationError, match=message):
        source(name, tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "dtype", "share"),
    [
        ("bitsandbytes-8bit", "bfloat16", 0.5),
        ("bitsandbytes-4bit", "bfloat16", 0.28125),
        ("torchao-int8", "float32", 0.25),
    ],
)
def test_the_estimate_counts_what_is_stored(options, dtype, share):
    assert Quantized(options).bytes_of(3200, dtype, ("transformer",)) == 3200 * share


def test_the_plan_counts_the_files_of_gguf(wan_22, tmp_path, monkeypatch):
    monkeypatch.setattr(quantizing, "installed", lambda package: True)
    for name, size in (("high.gguf", 1000), ("low.gguf", 234)):
        (tmp_path / name).write_bytes(bytes(size))
    both = {"gguf": str(tmp_path / "high.gguf"), "gguf_2": str(tmp_path / "low.gguf")}
    plain, small = (source("wan_22", wan_22, **options).estimate(LOAD) for options in ({}, both))
    assert small.weights == {**plain.weights, "denoiser": 1234}
    with pytest.raises(ModelError, match="a network transformer_2, and the spec no GGUF file"):
        source("wan_22", wan_22, gguf=both["gguf"]).estimate(LOAD)
    with pytest.raises(ModelError, match="there is no such file"):
        source("wan_21", wan_22, gguf=str(tmp_path / "none.gguf")).estimate(LOAD)


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("bitsandbytes-8bit", {"load_in_8bit": True}),
        ("bitsandbytes-4bit", {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}),
    ],
)
def test_diffusers_is_given_the_configuration(wan_21, monkeypatch, written, given):
    """bitsandbytes itself needs a GPU: this stands in for diffusers' loader and configuration."""
    seen: dict[str, Any] = {}

    class Loader:
        @classmethod
        def from_pretrained(cls, folder: Any, **how: Any) -> Any:
            seen.update(how, folder=folder)
            return cls()

    monkeypatch.setattr("diffusers.quantizers.quantization_config.BitsAndBytesConfig", lambda **options: options)
    quantized.load_denoiser(Loader, wan_21, "transformer", torch.bfloat16, Quantized(written))
    assert seen["quantization_config"].items() >= given.items()
    assert (seen["folder"], seen["torch_dtype"]) == (wan_21 / "transformer", torch.bfloat16)


@slow
def test_torchao_int8_is_near_the_plain_model_and_smaller(wide):
    pytest.importorskip("torchao", reason="weights are quantised by torchao")
    plain, small = load("wan_21", wide), source("wan_21", wide, quantize="torchao-int8").load("cpu", "float32")
    got, wanted = step(small), step(plain)
    difference = (got - wanted).abs().max() / wanted.abs().max()
    assert 0 < difference < 0.05
    weight = small.denoiser.transformer.blocks[0].ffn.net[2].weight
    assert type(weight) is not type(plain.denoiser.transformer.blocks[0].ffn.net[2].weight)


@slow
def test_a_lora_stands_beside_weights_that_torchao_has_quantised(wide, tmp_path):
    pytest.importorskip("torchao", reason="weights are quantised by torchao")
    pytest.importorskip("peft", reason="LoRAs are loaded by peft")
    torch.manual_seed(0)
    down, up = torch.randn(2, 32), torch.randn(32, 2)
    layer = "transformer.blocks.0.attn1.to_q"
    save_file({f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}, tmp_path / "lora.safetensors")
    plain = source("wan_21", wide, quantize="torchao-int8").load("cpu", "float32")
    loras = [{"path": str(tmp_path / "lora.safetensors"), "weight": 0.7}]
    changed = source("wan_21", wide, quantize="torchao-int8", loras=loras).load("cpu", "float32")
    own, other = (adapter.denoiser.transformer.blocks[0].attn1.to_q for adapter in (plain, changed))
    assert type(other.base_layer.weight) is type(own.weight)
    x = torch.randn(1, 5, 32)
    torch.testing.assert_close(other(x), own(x) + 0.7 * x @ down.T @ up.T, atol=1e-4, rtol=0)
    assert (step(changed) - step(plain)).abs().max() > 1e-3


@slow
def test_gguf_is_the_model_whose_weights_are_rounded_as_the_file_has_them(wide, tmp_path):
    gguf: Any = pytest.importorskip("gguf", reason="files are read by gguf")
    plain = load("wan_21", wide)
    writer = gguf.GGUFWriter(tmp_path / "wan.gguf", "wan")
    kind, rounded = gguf.GGMLQuantizationType.Q8_0, {}
    for name, weight in plain.denoiser.transformer.state_dict().items():
        if weight.ndim == 2 and weight.shape[1] % 32 == 0 and ".attn" in name:
            packed = gguf.quantize(weight.numpy(), kind)
            writer.add_tensor(name, packed, raw_dtype=kind)
            # diffusers multiplies integers by their scale in float16
            rounded[name] = torch.from_numpy(gguf.dequantize(packed, kind)).half().float()
        else:
            writer.add_tensor(name, weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert rounded
    small = source("wan_21", wide, gguf=str(tmp_path / "wan.gguf")).load("cpu", "float32")
    before = step(plain)
    plain.denoiser.transformer.load_state_dict({**plain.denoiser.transformer.state_dict(), **rounded})
    got, wanted = step(small), step(plain)
    assert (got - wanted).abs().max() < 1e-5
    assert (before - wanted).abs().max() > 1e-3
    assert "gguf/transformer" in small.weights()
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"no such format")
    with pytest.raises(ModelError, match="cannot be loaded with gguf"):
        source("wan_21", wide, gguf=str(damaged)).load("cpu", "float32")
