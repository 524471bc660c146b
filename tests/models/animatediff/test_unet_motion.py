"""The UNetMotion family: sites from the configuration, compared with the network's own modules."""

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D, UNetMotionModel

from vstar_sdk.errors import ModelError
from vstar_sdk.models.animatediff.sites import unet_motion_sites

STABLE_DIFFUSION = {
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlockMotion",) * 3 + ("DownBlockMotion",),
    "up_block_types": ("UpBlockMotion",) + ("CrossAttnUpBlockMotion",) * 3,
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "num_attention_heads": 8,
    "motion_num_attention_heads": 8,
}

SMALL: dict[str, Any] = {
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
    "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
    "norm_num_groups": 8,
    "num_attention_heads": 2,
    "motion_num_attention_heads": 2,
}


@pytest.mark.parametrize(
    "config",
    [
        STABLE_DIFFUSION,
        SMALL,
        {**SMALL, "layers_per_block": [1, 2]},
        {**SMALL, "temporal_transformer_layers_per_block": [1, 2]},
        {
            **SMALL,
            "temporal_transformer_layers_per_block": [[1, 2], [2, 1]],
            "reverse_temporal_transformer_layers_per_block": [[1, 2, 1], [2, 1, 1]],
        },
        {**SMALL, "mid_block_layers": 2, "temporal_transformer_layers_per_mid_block": [1, 2]},
        {**SMALL, "use_motion_mid_block": False},
        {**SMALL, "motion_num_attention_heads": (2, 4)},
    ],
)
def test_the_sites_of_the_configuration_are_those_of_the_network(config):
    with torch.device("meta"):
        unet = UNetMotionModel(**config)
    attentions = {
        f"{outer}.{inner}": module
        for outer, motion in unet.named_modules()
        if isinstance(motion, AnimateDiffTransformer3D)
        for inner, module in motion.named_modules()
        if isinstance(module, Attention)
    }
    sites = unet_motion_sites(unet.config)
    assert sorted(site.name for site in sites) == sorted(attentions)
    for site in sites:
        attn = attentions[site.name]
        assert (attn.heads, attn.inner_dim, attn.is_cross_attention) == (site.heads, site.heads * site.head_dim, False)


def test_levels_are_resolutions_those_without_cross_attention_too():
    levels = {(site.block, site.name.split(".motion")[0]): site.level for site in unet_motion_sites(STABLE_DIFFUSION)}
    assert levels == {
        **{("down", f"down_blocks.{i}"): i for i in range(4)},
        ("mid", "mid_block"): 3,
        **{("up", f"up_blocks.{i}"): 3 - i for i in range(4)},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"down_block_types": ("CrossAttnDownBlock3D",)}, "blocks of type CrossAttnDownBlock3D"),
        ({"motion_num_attention_heads": None}, "has no 'motion_num_attention_heads'"),
    ],
)
def test_another_family_is_refused(change, message):
    config = {key: value for key, value in {**STABLE_DIFFUSION, **change}.items() if value is not None}
    with pytest.raises(ModelError, match=message):
        unet_motion_sites(config)
