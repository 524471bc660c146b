"""Tiny random Wan pipelines, whole, in diffusers format."""

import json
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import write_joint


@pytest.fixture(scope="session")
def wan_21(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.1: one network of two blocks, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("wan-2.1")
    write_joint(directory)
    return directory


@pytest.fixture(scope="session")
def wan_22(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.2: two experts, which change at timestep 875."""
    directory = tmp_path_factory.mktemp("wan-2.2")
    write_joint(directory, experts=2)
    return directory


BESIDE = {"in_channels": 12, "image_dim": 8, "added_kv_proj_dim": 24}
"""Of a network of Wan 2.1 that reads a picture: a mask of 4 and 4 channels beside the latents, and embeddings."""


def write_eyes(directory: Path) -> None:
    """What sees pictures: five tokens each."""
    import torch
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

    torch.manual_seed(1)
    sizes: dict[str, Any] = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 1}
    CLIPVisionModel(CLIPVisionConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(directory / "image_encoder")
    side = {"height": 16, "width": 16}
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=side).save_pretrained(directory / "image_processor")


@pytest.fixture(scope="session")
def wan_i2v_21(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.1 image to video, which reads a first picture."""
    directory = tmp_path_factory.mktemp("wan-i2v-2.1")
    write_joint(directory, transformer=BESIDE, index={"_class_name": "WanImageToVideoPipeline"})
    write_eyes(directory)
    return directory


@pytest.fixture(scope="session")
def wan_flf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.1 which reads a first and a last picture."""
    directory = tmp_path_factory.mktemp("wan-flf")
    write_joint(directory, transformer=BESIDE | {"pos_embed_seq_len": 10}, index={"_class_name": "WanImageToVideoPipeline"})
    write_eyes(directory)
    return directory


@pytest.fixture(scope="session")
def wan_i2v_22(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.2 image to video: two experts, and nothing that sees the picture."""
    directory = tmp_path_factory.mktemp("wan-i2v-2.2")
    write_joint(directory, experts=2, transformer={"in_channels": 12}, index={"_class_name": "WanImageToVideoPipeline"})
    return directory


@pytest.fixture(scope="session")
def wan_ti2v(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Wan 2.2 TI2V: the first latent frame is the picture's."""
    directory = tmp_path_factory.mktemp("wan-ti2v")
    write_joint(directory, index={"expand_timesteps": True})
    return directory


@pytest.fixture(scope="session")
def skyreels_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of SkyReels V2: Wan 2.1's network under another name."""
    directory = tmp_path_factory.mktemp("skyreels-v2")
    write_joint(directory)
    network, index = (directory / file for file in ("transformer/config.json", "model_index.json"))
    network.write_text(json.dumps(json.loads(network.read_text()) | {"_class_name": "SkyReelsV2Transformer3DModel"}))
    parts = {name: part for name, part in json.loads(index.read_text()).items() if name != "transformer_2"}
    own = {"_class_name": "SkyReelsV2Pipeline", "transformer": ["diffusers", "SkyReelsV2Transformer3DModel"]}
    index.write_text(json.dumps(parts | own))
    return directory
