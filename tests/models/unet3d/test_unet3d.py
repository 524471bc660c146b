"""The UNet3D family: sites from the configuration, loading, text, denoising, decoding."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline

from vstar_sdk.errors import ModelError
from vstar_sdk.models.unet3d.adapter import temporal_attentions
from vstar_sdk.models.unet3d.sites import unet3d_sites
from vstar_sdk.models.unet3d.source import UNet3DSource

VIDEOCRAFTER2 = {
    "down_block_types": ("CrossAttnDownBlock3D",) * 3 + ("DownBlock3D",),
    "up_block_types": ("UpBlock3D",) + ("CrossAttnUpBlock3D",) * 3,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "attention_head_dim": 64,
}


def small(config):
    """The same network with few channels."""
    widths = [width // 20 for width in config["block_out_channels"]]
    return {**config, "block_out_channels": widths, "attention_head_dim": 16, "norm_num_groups": 8, "cross_attention_dim": 8}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers_per_block": 1},
        {
            "down_block_types": ("DownBlock3D", "CrossAttnDownBlock3D"),
            "up_block_types": ("CrossAttnUpBlock3D", "UpBlock3D"),
            "block_out_channels": (320, 640),
        },
    ],
)
def test_the_sites_of_the_configuration_are_those_of_the_network(changes):
    config = small({**VIDEOCRAFTER2, **changes})
    sites = unet3d_sites(config)
    unet = UNet3DConditionModel(**config)
    assert {site.name for site in sites} == temporal_attentions(unet)
    for site in sites:
        attn = unet.get_submodule(site.name)
        assert (attn.heads, attn.inner_dim) == (site.heads, site.heads * site.head_dim)


def test_levels_are_resolutions_and_the_first_transformer_is_a_block_of_its_own():
    sites = unet3d_sites(VIDEOCRAFTER2)
    levels = {(site.block, site.name.split(".temp")[0]): site.level for site in sites}
    assert levels == {
        ("init", "transformer_in.transformer_blocks.0.attn1"): 0,
        ("init", "transformer_in.transformer_blocks.0.attn2"): 0,
        ("down", "down_blocks.0"): 0,
        ("down", "down_blocks.1"): 1,
        ("down", "down_blocks.2"): 2,
        ("mid", "mid_block"): 3,
        ("up", "up_blocks.1"): 2,
        ("up", "up_blocks.2"): 1,
        ("up", "up_blocks.3"): 0,
    }
    assert {(site.level, site.heads) for site in sites if site.block == "down"} == {(0, 5), (1, 10), (2, 20)}


def test_with_attention_at_every_resolution_the_middle_and_the_first_up_block_share_the_lowest_level(tiny_source):
    lowest = {site.name.split(".temp")[0] for site in tiny_source.facts().sites if site.level == 1}
    assert lowest == {"down_blocks.1", "mid_block", "up_blocks.0"}


def test_resolutions_without_attention_have_no_level():
    config = {
        **VIDEOCRAFTER2,
        "down_block_types": ("DownBlock3D", "CrossAttnDownBlock3D"),
        "up_block_types": ("CrossAttnUpBlock3D", "UpBlock3D"),
        "block_out_channels": (320, 640),
    }
    assert {site.level for site in unet3d_sites(config)} == {0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"down_block_types": ("DownBlockMotion",)}, "blocks of type DownBlockMotion"),
        ({"layers_per_block": None}, "has no 'layers_per_block'"),
    ],
)
def test_another_family_is_refused(change, message):
    config = {key: value for key, value in {**VIDEOCRAFTER2, **change}.items() if value is not None}
    with pytest.raises(ModelError, match=message):
        unet3d_sites(config)


def test_the_facts_come_from_the_files(tiny_source):
    facts = tiny_source.facts()
    assert (facts.width, facts.height, facts.size_multiple, facts.levels) == (16, 16, 8, (0, 1))


def test_a_picture_size_can_be_given_where_the_configuration_has_none(broken):
    config = broken.directory / "unet/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": None}))
    with pytest.raises(ModelError, match="has no sample_size"):
        broken.facts()
    facts = dataclasses.replace(broken, size=(512, 320)).facts()
    assert (facts.width, facts.height) == (512, 320)


def test_a_sample_size_of_two_numbers_is_height_and_width(broken):
    config = broken.directory / "unet/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_size": [4, 8]}))
    assert (broken.facts().width, broken.facts().height) == (32, 16)


@pytest.fixture
def broken(tiny_source, tmp_path):
    """A copy of the tiny pipeline to be damaged."""
    copied = tmp_path / "pipeline"
    shutil.copytree(tiny_source.directory, copied)
    return UNet3DSource(directory=copied, name="broken", frames=8, fps=8.0, steps=4, guidance=3.0)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    source = UNet3DSource(directory=tmp_path / "nowhere", name="m", frames=8, fps=8.0, steps=4, guidance=3.0)
    with pytest.raises(ModelError, match="nowhere: there is no such model directory"):
        source.facts()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "unet/config.json").unlink(), "unet/config.json is missing"),
        (lambda d: (d / "vae/config.json").write_text("{"), "vae/config.json: cannot be read"),
        (lambda d: (d / "vae/config.json").write_text("[]"), "is not a JSON object"),
        (lambda d: (d / "unet/diffusion_pytorch_model.safetensors").unlink(), "unet: cannot be loaded"),
        (lambda d: shorten(d / "vae/diffusion_pytorch_model.safetensors"), "vae: cannot be loaded"),
        (lambda d: shorten(d / "text_encoder/model.safetensors"), "text_encoder: cannot be loaded"),
        (
            lambda d: drop_weight(d / "unet/diffusion_pytorch_model.safetensors"),
            "unet: the weights do not match config.json: missing keys, such as conv_in.bias",
        ),
        (
            lambda d: drop_weight(d / "text_encoder/model.safetensors"),
            "text_encoder: the weights do not match config.json: missing keys",
        ),
        (lambda d: shutil.rmtree(d / "tokenizer"), "the folder tokenizer is missing"),
        (lambda d: (d / "scheduler/scheduler_config.json").unlink(), "scheduler/scheduler_config.json is missing"),
    ],
)
def test_a_missing_or_damaged_file_is_named(broken, damage, message):
    damage(broken.directory)
    with pytest.raises(ModelError, match=message) as refused:
        broken.load("cpu", "float32")
    assert refused.value.hint


def shorten(path):
    path.write_bytes(path.read_bytes()[:-100])


def drop_weight(path):
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    del weights[min(weights, key=lambda name: ("bias" not in name, name != "conv_in.bias", name))]
    save_file(weights, path, {"format": "pt"})


def test_a_network_that_is_not_what_its_configuration_promises_is_refused(broken, monkeypatch):
    from vstar_sdk.models.unet3d import source as unet3d

    monkeypatch.setattr(unet3d, "unet3d_sites", lambda config: unet3d_sites(config)[1:])
    with pytest.raises(
        ModelError, match=r"the temporal attention transformer_in.*attn1 is in its modules but not in its configuration"
    ):
        broken.load("cpu", "float32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_it_loads_in_half_precision(tiny_source, dtype):
    adapter = tiny_source.load("cpu", dtype)
    assert {module.dtype for module in (adapter.denoiser, adapter.networks.vae, adapter.networks.text.encoder)} == {
        getattr(torch, dtype)
    }


def test_a_caption_is_encoded_as_the_pipeline_would_whatever_its_neighbours(tiny_source, tiny_adapter):
    pipe = TextToVideoSDPipeline.from_pretrained(tiny_source.directory)
    expected, _ = pipe.encode_prompt("a snowy landscape in winter", "cpu", 1, False)
    both = tiny_adapter.encode(["a red ball", "a snowy landscape in winter"])
    assert both.shape == (2, 12, 16)
    assert torch.equal(both[1:], expected)


def test_the_end_that_the_text_encoder_does_not_see_is_known(tiny_adapter):
    assert tiny_adapter.cut_off("a snowy landscape in winter") == ""
    assert tiny_adapter.cut_off("a green landscape in summer " * 5).endswith("a green landscape in summer")
    seen = "a green landscape in summer a green landscape in summer"
    assert torch.equal(*(tiny_adapter.encode([seen + end])[0] for end in ("", " a red ball")))


def noisy(adapter, branches, frames=8):
    return torch.randn(branches, *adapter.latent_shape(frames, 16, 16)[1:], generator=torch.Generator().manual_seed(0))


def test_with_the_same_text_in_every_frame_the_denoiser_is_the_plain_one_bit_for_bit(tiny_adapter):
    latents, text = noisy(tiny_adapter, 2), tiny_adapter.encode(["", "a green landscape"])
    with torch.no_grad():
        plain = tiny_adapter.denoiser(latents, torch.tensor(700), encoder_hidden_states=text).sample
    assert torch.equal(tiny_adapter.denoise(latents, torch.tensor(700), text[:, None].expand(-1, 8, -1, -1)), plain)


def test_every_frame_sees_its_own_text(tiny_adapter):
    latents, text = noisy(tiny_adapter, 2), tiny_adapter.encode(["", "a green landscape"])
    same = text[:, None].repeat(1, 8, 1, 1)
    other = same.clone()
    other[1, 5] = tiny_adapter.encode(["a red ball crosses the beach"])[0]
    before, after = (tiny_adapter.denoise(latents, torch.tensor(700), text) for text in (same, other))
    assert torch.equal(before[0], after[0])
    change = (before - after)[1].abs().amax(dim=(0, 2, 3))
    assert change.argmax() == 5


def test_no_hook_stays_behind_even_after_a_failure(tiny_adapter):
    text = tiny_adapter.encode(["a red ball"])[:, None].expand(-1, 8, -1, -1)
    tiny_adapter.denoise(noisy(tiny_adapter, 1), torch.tensor(3), text)
    with pytest.raises(RuntimeError):
        tiny_adapter.denoise(noisy(tiny_adapter, 1)[:, :3], torch.tensor(3), text)
    assert not any(module._forward_pre_hooks for module in tiny_adapter.denoiser.modules())


def test_frames_are_decoded_as_the_vae_decodes_them_and_one_by_one(tiny_adapter):
    latents = noisy(tiny_adapter, 1, frames=5)
    frames = list(tiny_adapter.decode(latents))
    with torch.no_grad():
        image = tiny_adapter.networks.vae.decode(latents[:, :, 3] / tiny_adapter.networks.vae.config.scaling_factor).sample[0]
    expected = ((image.permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1) * 255).round().astype(np.uint8)
    assert len(frames) == 5
    assert all(frame.shape == (16, 16, 3) and frame.dtype == np.uint8 for frame in frames)
    np.testing.assert_array_equal(frames[3], expected)
    np.testing.assert_array_equal(next(tiny_adapter.decode(latents[:, :, 3:4])), frames[3])


def test_the_tiny_pipeline_is_a_whole_diffusers_pipeline(tiny_source):
    assert json.loads((tiny_source.directory / "model_index.json").read_text())["_class_name"] == "TextToVideoSDPipeline"
    assert TextToVideoSDPipeline.from_pretrained(tiny_source.directory).unet.config.cross_attention_dim == 16
