"""Every method in a run of the embedded model, alone and with TAR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vstar_longvideo

from vstar_sdk import SpecError
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin

TAR = {"use": "tar", "sigma": 1, "window": [0, 1]}
REGULARIZERS = [
    {"use": "longvideo/freenoise", "size": 8},
    {"use": "longvideo/enhance"},
    {"use": "longvideo/freelong", "trained_frames": 8, "windows": [1, 2]},
    {"use": "longvideo/ultravico", "trained_frames": 8},
    {"use": "longvideo/first-frame", "window": [0, 1]},
    {"use": "longvideo/off-diagonal"},
    {"use": "longvideo/loop", "sigma": 1, "band": "seam", "window": [0, 1]},
    {"use": "longvideo/profile", "sigma": 2, "share": 0.9, "window": [0, 1]},
]


def frames(session, spec):
    return np.stack(list(session.run(spec).frames()))


@pytest.fixture(scope="module")
def plain(session, story):
    return frames(session, story)


@pytest.fixture(scope="module")
def with_tar(session, story):
    return frames(session, story | {"regularizers": [TAR]})


def test_the_plugin_is_well():
    check_plugin(vstar_longvideo, "longvideo")


def test_it_imports_public_names_only():
    assert private_imports(Path(vstar_longvideo.__file__).parent) == []


@pytest.mark.parametrize("options", REGULARIZERS, ids=lambda options: options["use"])
def test_a_regularizer_with_tar(session, story, with_tar, options):
    assert (frames(session, story | {"regularizers": [TAR, options]}) != with_tar).any()


@pytest.mark.slow
@pytest.mark.parametrize("options", REGULARIZERS, ids=lambda options: options["use"])
def test_a_regularizer_alone_and_at_strength_0(session, story, plain, with_tar, options):
    alone = frames(session, story | {"regularizers": [options]})
    assert (alone != plain).any()
    assert (alone != frames(session, story | {"regularizers": [TAR, options]})).any()
    assert np.array_equal(frames(session, story | {"regularizers": [TAR, options | {"strength": 0}]}), with_tar)


def test_at_strength_0_all_regularizers_together_are_the_plain_run_to_the_bit(session, story, with_tar):
    apart = [options for options in REGULARIZERS if options["use"] not in ("longvideo/freelong", "longvideo/loop")]
    off = [options | {"strength": 0} for options in apart]
    assert np.array_equal(frames(session, story | {"regularizers": [TAR, *off]}), with_tar)


@pytest.mark.parametrize("window", [8, 16])
def test_the_noise_with_tar_and_the_neutral_noise(session, story, with_tar, window):
    sampling = story["sampling"] | {"noise": {"use": "longvideo/freenoise", "window": window}}
    shuffled = frames(session, story | {"regularizers": [TAR], "sampling": sampling})
    assert np.array_equal(shuffled, with_tar) == (window == 16)


def test_in_one_branch_alone_it_is_the_same_with_guidance_in_one_batch_and_in_two(session, story):
    def latents(branches, batch):
        options = {"use": "longvideo/first-frame", "window": [0, 1], "penalty": 3, "branches": branches}
        sampling = story["sampling"] | {"guidance_batch": batch}
        return session.run(story | {"regularizers": [options], "sampling": sampling}).latents

    one, two, both = latents("prompt", "one"), latents("prompt", "two"), latents("all", "one")
    np.testing.assert_allclose(one, two, atol=1e-3)
    assert np.abs(one - both).max() > 1e-2


def test_a_penalty_of_nothing_is_refused_at_its_place(session, story):
    idle = {"use": "longvideo/first-frame", "penalty": 0, "window": [0, 1]}
    with pytest.raises(SpecError, match=r"regularizers\[1\]: longvideo/first-frame: its operations change nothing at any of"):
        session.run(story | {"regularizers": [TAR, idle]})
    assert session.run(story | {"regularizers": [TAR, idle | {"strength": 0}]}).latents is not None
