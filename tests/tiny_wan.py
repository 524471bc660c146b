"""Tiny random Wan pipelines, whole, in diffusers format."""

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
