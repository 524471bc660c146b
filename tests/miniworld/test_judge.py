"""The judge, on renders that no training has drawn, as they are and as the model's decoder shows them."""

import numpy as np
import pytest
import torch

from vstar_sdk.miniworld.grammar import families
from vstar_sdk.miniworld.judge import Judge, judge, stage_distance
from vstar_sdk.miniworld.parts import WEIGHTS, miniworld
from vstar_sdk.miniworld.world import scene
from vstar_sdk.models.pipeline_options import FramewiseOptions

LARGEST = 0.03
LAYOUTS = 10
NAMES = list(families())


@pytest.fixture(scope="module")
def vae():
    source = miniworld(FramewiseOptions())
    return source.load("cpu", "float32").networks.vae


def renders(name, layouts=LAYOUTS):
    """Eight frames of each layout, and their stages."""
    rng = np.random.default_rng(77)
    pictures, stages = [], []
    for seed in range(layouts):
        told = rng.uniform(0, 1, 8)
        pan = rng.uniform(0, 192, 8) * families()[name].pans
        pictures.append(scene(name, 2**31 + seed).render(told, rng.uniform(0, 600, 8), pan))
        stages.append(told)
    return np.concatenate(pictures), np.concatenate(stages)


@torch.inference_mode()
def through(vae, pictures):
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    shown = vae.decode(vae.encode(x))[0].clamp(-1, 1)
    return ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("name", [*NAMES[:2], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[2:])])
def test_stages_of_unseen_renders_with_the_decoders_blur(name, vae):
    pictures, stages = renders(name)
    read = judge().stages(through(vae, pictures), name)
    assert stage_distance(families()[name], read, stages).mean() <= LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_scenes_of_unseen_renders(name):
    pictures, _ = renders(name)
    verdict = judge().read(pictures)
    assert (verdict.families.argmax(1) == judge().names.index(name)).mean() > 0.97


def test_its_own_error_is_told_and_small_in_every_family():
    assert judge().names == tuple(NAMES)
    assert all(0 < judge().error[name] <= LARGEST for name in NAMES)


def test_stages_that_repeat_are_near_across_the_turn():
    assert stage_distance(families()["beach"], np.array([0.98]), np.array([0.02])) == pytest.approx(0.04)
    assert stage_distance(families()["city"], np.array([0.98]), np.array([0.02])) == pytest.approx(0.96)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        Judge(tmp_path / "nothing.safetensors")


def test_an_unknown_family_is_an_error():
    with pytest.raises(ValueError, match="dragon"):
        judge().stages(renders("city", 1)[0], "dragon")


def test_it_ships_beside_the_weights():
    assert (WEIGHTS / "judge" / "model.safetensors").stat().st_size < 2_000_000
