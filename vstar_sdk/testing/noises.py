"""A check for noises: drawn twice, from one generator and another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vstar_sdk.clock import Clock
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.noises import CONTRACT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.contract import Noise


def check_noise(noise: Noise, *, frames: Sequence[int] = (1, 5, 16, 64)) -> None:
    """Draw noise for clips of several lengths.

    Args:
        noise: what the part's factory returns.
        frames: of the clips; the model takes every frame by itself.

    Raises:
        PluginError: it gives something else than float32 noise of the shape that was asked for.
        AssertionError: it does not hang on the generator alone, draws the same for another seed, or its numbers are far from
            standard normal.
    """
    import torch

    contained = Call(Origin("the noise under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), noise
    )

    def draw(length: int, seed: int) -> Tensor:
        shape = (1, 4, length, 32, 32)
        return contained.draw(shape, Clock(length, 8.0), torch.Generator().manual_seed(seed))

    for length in frames:
        before = torch.get_rng_state()
        first, where = draw(length, 1), f"{length} frames"
        assert torch.equal(draw(length, 1), first), f"{where}: the same seed gives other noise: draw from the generator alone"
        assert not torch.equal(draw(length, 2), first), f"{where}: another seed gives the same noise"
        assert torch.equal(torch.get_rng_state(), before), f"{where}: it draws from torch's own generator, not from the one given"
        # Of 4096 numbers in a frame the deviation of the mean is 0.016, and that of the variance 0.022.
        many = torch.stack([draw(length, seed) for seed in range(8)])
        mean, variance = float(many.mean()), float(many.pow(2).mean())
        assert abs(mean) < 0.1, f"{where}: the mean is {mean:.2f}, not 0"
        assert abs(variance - 1) < 0.1, f"{where}: the variance is {variance:.2f}, not 1"
