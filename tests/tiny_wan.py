"""Tiny random Wan pipelines, whole, in diffusers format."""

import json
from pathlib import Path

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
