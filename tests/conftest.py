"""Fixtures for all rooms: tiny models, a session, a cache of their own."""

import gc
from pathlib import Path

import pytest

from vstar_sdk.testing.tiny_factorised import write_factorised

pytest_plugins = [
    "vstar_sdk.testing.fixtures",
    "tests.messages_api",
    "tests.moving_clips",
    "tests.tiny_models",
    "tests.tiny_wan",
    "tests.tiny_ltx",
    "tests.tiny_ltx2",
    "tests.tiny_cogvideox",
    "tests.tiny_hunyuan15",
    "tests.tiny_cosmos",
    "tests.tiny_kandinsky5",
    "tests.tiny_minimax_h3",
    "tests.tiny_mochi",
    "tests.tiny_motif",
]


@pytest.fixture(scope="module", autouse=True)
def _garbage_is_sought_among_what_a_file_made():
    """A search through all that the libraries hold takes a second, and a run ends with one."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _a_cache_of_our_own(tmp_path_factory: pytest.TempPathFactory):
    """Nothing is read from or written into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSTAR_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("VSTAR_CONFIG", "")
        yield


@pytest.fixture(scope="module")
def session():
    """A session whose models stay warm over the tests of a file."""
    from vstar_sdk import Session

    with Session() as session:
        yield session


@pytest.fixture(scope="session")
def tiny_pipeline_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline directory: two levels of temporal attention, VAE factor 4, pictures of 16 x 16, 12 tokens of text."""
    directory = tmp_path_factory.mktemp("tiny-pipeline")
    write_factorised(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_source(tiny_pipeline_dir: Path):
    """The tiny pipeline as a model source: 8 frames at 8 fps."""
    from vstar_sdk.models.unet3d.source import UNet3DSource

    return UNet3DSource(directory=tiny_pipeline_dir, name="tiny", frames=8, fps=8.0, steps=4, guidance=3.0)


@pytest.fixture(scope="session")
def tiny_adapter(tiny_source):
    """The tiny pipeline, loaded; a test that changes it must change it back."""
    return tiny_source.load("cpu", "float32")
