"""From the official layout to diffusers format: every tensor in its place, in the tiny model and in the released one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import layout
import pytest
import torch
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, layer_norm, multi_head_attention_forward
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from vstar_sdk.models.videocrafter2.lvdm.architecture import official_configs
from vstar_sdk.models.videocrafter2.lvdm.conversion import convert
from vstar_sdk.models.videocrafter2.lvdm.reading import account, understand
from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler


@pytest.fixture(scope="module")
def real():
    """The released model's names and shapes, and what is made of them."""
    shapes = layout.official()
    return shapes, dict(zip(("unet", "fps_embedding", "vae", "text_encoder"), understand(shapes), strict=True))


def test_the_released_checkpoint_has_no_key_missing_left_over_or_of_another_shape(real):
    shapes, components = real
    account(shapes, [*components.values()])
    assert sum(key.startswith("model.diffusion_model.") for key in shapes) == 1484


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("unet", lambda config: UNet3DConditionModel.from_config(config)),
        ("vae", lambda config: AutoencoderKL.from_config(config)),
        ("text_encoder", lambda config: CLIPTextModel(CLIPTextConfig(**config))),
    ],
)
def test_the_released_networks_are_filled_to_the_last_tensor(real, name, build):
    """Shapes are the libraries' own, on the meta device; what the checkpoint gives is as many numbers."""
    shapes, components = real
    component = components[name]
    assert dict(component.config) == official_configs()[name]
    with torch.device("meta"):
        wanted = {key: tuple(value.shape) for key, value in build(official_configs()[name]).state_dict().items()}
    assert component.sources.keys() == wanted.keys()
    for key, origin in component.sources.items():
        given = torch.empty(shapes[component.prefix + origin.key], device="meta")
        given = given if origin.third is None else given.chunk(3)[origin.third]
        assert tuple(size for size in given.shape if size > 1) == tuple(size for size in wanted[key] if size > 1), key


def test_every_key_of_the_released_networks_is_used_once_or_known_to_be_unused(real):
    shapes, components = real
    used = [(part.prefix + origin.key, origin.third) for part in components.values() for origin in part.sources.values()]
    assert len(used) == len({*used})
    unused = {key.removeprefix("cond_stage_model.model.") for key in shapes.keys() - {key for key, _ in used}}
    last = {key for key in unused if key.startswith("transformer.resblocks.23.")}
    assert (unused - last, len(last)) == ({"text_projection", "logit_scale"}, 12)


def test_the_released_unet_is_1480_tensors_and_4_of_fps(real):
    _, components = real
    assert (len(components["unet"].sources), len(components["fps_embedding"].sources)) == (1480, 4)


def test_the_autoencoder_is_converted_as_diffusers_would(converted, state):
    official = {key: value for key, value in state.items() if key.startswith("first_stage_model.")}
    config = json.loads((converted / "vae/config.json").read_text())
    expected = convert_ldm_vae_checkpoint(official, config)
    found = load_file(converted / "vae/diffusion_pytorch_model.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key].reshape(found[key].shape)) for key in found)


def reference_text_tower(state, tokens):
    """OpenCLIP's text tower, from its definition: causal blocks with the norm first; all but the last, then the final norm."""
    weights = {key.removeprefix("cond_stage_model.model."): value for key, value in state.items()}
    x = (weights["token_embedding.weight"][tokens] + weights["positional_embedding"])[:, None]
    mask = torch.full((77, 77), float("-inf")).triu(1)
    for layer in range(2):
        name = f"transformer.resblocks.{layer}."
        own = {key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)}
        normed = layer_norm(x, (24,), own["ln_1.weight"], own["ln_1.bias"])
        projections = (own["attn.in_proj_weight"], own["attn.in_proj_bias"], None, None, False, 0.0)
        last = (own["attn.out_proj.weight"], own["attn.out_proj.bias"])
        x = (
            x
            + multi_head_attention_forward(
                normed, normed, normed, 24, 1, *projections, *last, attn_mask=mask, need_weights=False
            )[0]
        )
        normed = layer_norm(x, (24,), own["ln_2.weight"], own["ln_2.bias"])
        inner = gelu(normed @ own["mlp.c_fc.weight"].T + own["mlp.c_fc.bias"])
        x = x + inner @ own["mlp.c_proj.weight"].T + own["mlp.c_proj.bias"]
    return layer_norm(x, (24,), weights["ln_final.weight"], weights["ln_final.bias"])[:, 0]


def test_text_is_encoded_by_the_penultimate_layer_and_the_final_norm(converted, state):
    tokenizer: Any = CLIPTokenizer.from_pretrained(converted / "tokenizer")
    tokens = tokenizer("a snowy landscape", padding="max_length", max_length=77, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        found = CLIPTextModel.from_pretrained(converted / "text_encoder")(tokens).last_hidden_state
    torch.testing.assert_close(found[0], reference_text_tower(state, tokens[0]), atol=1e-5, rtol=0)


def test_texts_are_77_tokens_padded_with_the_token_0(converted):
    tokenizer: Any = CLIPTokenizer.from_pretrained(converted / "tokenizer")
    assert (tokenizer.model_max_length, tokenizer.pad_token_id) == (77, 0)
    ids = tokenizer("a landscape", padding="max_length")["input_ids"]
    start, *_, end = ids[: ids.index(tokenizer.eos_token_id) + 1]
    assert (start, end) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    assert {*ids[ids.index(end) + 1 :]} == {0}


def test_weights_keep_their_precision(state, save_checkpoint, clip_tokenizer, tmp_path):
    half = {key: value.half() if key.startswith("first_stage_model.") else value for key, value in state.items()}
    convert(save_checkpoint(half, tmp_path / "model.ckpt"), tmp_path / "out", str(clip_tokenizer))
    dtypes = {
        name: {value.dtype for value in load_file(tmp_path / "out" / name / "diffusion_pytorch_model.safetensors").values()}
        for name in ("vae", "unet")
    }
    assert dtypes == {"vae": {torch.float16}, "unet": {torch.float32}}


def test_the_same_tensors_as_safetensors_or_without_a_wrapping_are_converted_alike(state, converted, clip_tokenizer, tmp_path):
    save_file(state, tmp_path / "model.safetensors")
    torch.save(state, tmp_path / "bare.ckpt")
    for name in ("model.safetensors", "bare.ckpt"):
        convert(tmp_path / name, tmp_path / f"{name}-out", str(clip_tokenizer))
        for file in converted.rglob("*.safetensors"):
            assert file.read_bytes() == (tmp_path / f"{name}-out" / file.relative_to(converted)).read_bytes()


def test_large_networks_are_written_in_several_files_and_load(state, checkpoint, clip_tokenizer, tmp_path, monkeypatch):
    from vstar_sdk.models.videocrafter2.source import VideoCrafter2, VideoCrafter2Options

    monkeypatch.setattr("vstar_sdk.models.videocrafter2.lvdm.conversion._SHARD", "1MB")
    convert(checkpoint, tmp_path / "out", str(clip_tokenizer))
    assert len([*(tmp_path / "out" / "unet").glob("*.safetensors")]) > 1
    adapter = VideoCrafter2(VideoCrafter2Options(path=str(tmp_path / "out"))).load("cpu", "float32")
    assert torch.equal(adapter.denoiser.conv_in.weight, state["model.diffusion_model.input_blocks.0.0.weight"])


def test_whoever_may_read_one_file_may_read_all(converted):
    assert len({path.stat().st_mode for path in converted.rglob("*") if path.is_file()}) == 1


def test_the_directory_says_where_it_came_from(converted, checkpoint, clip_tokenizer):
    card = (converted / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() in card
    assert str(clip_tokenizer) in card
    assert "licence" in card


def test_its_scheduler_is_a_class_of_ours(converted):
    loaded: Any = ScaledDDIMScheduler.from_pretrained(converted / "scheduler")
    assert (loaded.config["signal_scale"], loaded.config["signal_scale_steps"]) == (0.7, 400)


def test_diffusers_alone_refuses_it_rather_than_make_wrong_pictures(converted):
    with pytest.raises((ValueError, AttributeError, ImportError)):
        DiffusionPipeline.from_pretrained(converted)
