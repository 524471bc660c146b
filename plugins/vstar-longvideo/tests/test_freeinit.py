"""FreeInit: several turns, and what each begins with."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from vstar_longvideo.freeinit import FreeInit, FreeInitOptions

from vstar_sdk import RunPaused, SamplerError
from vstar_sdk.testing.samplers import check_sampler, sample_denoising


def written_out(low, high, order, cutoff, temporal_cutoff):
    """The formula, with sums over all positions in the place of a fast transform; float64."""
    filtered = {}
    for name, given in (("low", low), ("high", high)):
        spectrum = given.double().numpy().astype(np.complex128)
        for axis in (2, 3, 4):
            n = np.arange(given.shape[axis])
            waves = np.exp(-2j * np.pi * np.outer(n, n) / len(n))
            spectrum = np.moveaxis(np.tensordot(waves, spectrum, (1, axis)), 0, axis)
        filtered[name] = spectrum
    shape = low.shape[2:]
    keep = np.empty(shape)
    for place in np.ndindex(*shape):
        squares = 0.0
        for k, n, c in zip(place, shape, (temporal_cutoff, cutoff, cutoff), strict=True):
            frequency = min(k, n - k) / (n / 2)
            squares += (frequency / c) ** 2
        keep[place] = 1 / (1 + squares**order)
    out = keep * filtered["low"] + (1 - keep) * filtered["high"]
    for axis in (2, 3, 4):
        n = np.arange(low.shape[axis])
        waves = np.exp(2j * np.pi * np.outer(n, n) / len(n)) / len(n)
        out = np.moveaxis(np.tensordot(waves, out, (1, axis)), 0, axis)
    return torch.from_numpy(np.real(out))


@pytest.mark.parametrize(("order", "cutoff", "temporal_cutoff"), [(4, 0.25, 0.25), (1, 0.5, 0.9)])
def test_the_mixture_against_the_formula(order, cutoff, temporal_cutoff):
    low, high = torch.randn(2, 1, 2, 8, 5, 6, generator=torch.Generator().manual_seed(0))
    sampler = FreeInit(FreeInitOptions(order=order, cutoff=cutoff, temporal_cutoff=temporal_cutoff))
    expected = written_out(low, high, order, cutoff, temporal_cutoff)
    torch.testing.assert_close(sampler.mixed(low, high).double(), expected, atol=1e-5, rtol=0)


def test_it_keeps_the_contract_and_an_interrupted_run_goes_on_to_the_same_bits():
    check_sampler(lambda: FreeInit(FreeInitOptions(turns=2)), steps=3)


@pytest.mark.parametrize("scheduler", ["ddim", "euler"])
def test_every_turn_begins_with_the_last_clip_and_fresh_noise(scheduler):
    sampler, begun = FreeInit(FreeInitOptions(turns=2)), []
    denoising = sample_denoising(scheduler, 3)
    denoising.total = sampler.steps(3)
    begin = denoising.begin

    def seen(noise, index=0):
        begun.append(noise)
        return begin(noise, index)

    denoising.begin = seen
    sampler.sample(denoising)

    again = sample_denoising(scheduler, 3)
    again.total = 3
    latents, _ = again.begin(again.noise)
    for index in range(3):
        latents = again.step(latents, index)
    noised = again.add_noise(latents, again.noise, 0) / again.scale
    assert torch.equal(begun[0], again.noise)
    expected = written_out(noised, again.draw(), 4, 0.25, 0.25)
    torch.testing.assert_close(begun[1].double(), expected, atol=1e-5, rtol=1e-5)


def test_in_a_run_with_tar_and_one_turn_is_the_plain_run_to_the_bit(session, story):
    """The embedded model is trained to noise alone, and so the schedule begins below that."""
    tar = {"use": "tar", "sigma": 1, "window": [0, 1]}
    sampling = {"steps": 2, "scheduler": {"use": "ddim", "config": {"timestep_spacing": "leading"}}}

    def frames(sampler, *regularizers):
        spec = story | {"regularizers": regularizers, "sampling": sampling | {"sampler": sampler}}
        return np.stack(list(session.run(spec).frames()))

    plain = frames("single", tar)
    assert np.array_equal(frames({"use": "longvideo/freeinit", "turns": 1}, tar), plain)
    two = {"use": "longvideo/freeinit", "turns": 2}
    assert (frames(two, tar) != plain).any()
    for scheduler in ("ddim", "unipc", "euler"):
        with pytest.raises(SamplerError, match=r"longvideo/freeinit.*a pass cannot start"):
            session.run(story | {"sampling": {"steps": 2, "sampler": two, "scheduler": scheduler}})


@pytest.mark.parametrize(
    "pause", [pytest.param(1, id="in the first turn", marks=pytest.mark.slow), pytest.param(3, id="in the second")]
)
def test_a_run_that_is_paused_goes_on_in_another_process_to_the_same_bytes(session, story, tmp_path, pause):
    sampling = {
        "steps": 2,
        "scheduler": {"use": "ddim", "config": {"timestep_spacing": "leading"}},
        "sampler": {"use": "longvideo/freeinit", "turns": 2},
        "eta": 1.0,
    }
    spec = story | {"frames": 4, "sampling": sampling, "output": [{"use": "frames"}], "latents": True}
    session.run(spec, out=tmp_path / "whole")
    with pytest.raises(RunPaused):
        session.start(spec, out=tmp_path / "run", pause_after=pause).result()
    done = subprocess.run(
        [sys.executable, "-c", "import sys, vstar_sdk; vstar_sdk.resume(sys.argv[1]).result()", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.png"))
    assert len(names) == 4
    for name in (*names, "latents.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
