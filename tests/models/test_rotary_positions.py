"""The rotary positions that families say their networks have: other ones do what the network does with its own changed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from tests.transformer_models import Wants, latents, one_text, plan
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Rotary
from vstar_sdk.models.cogvideox import adapter as cogvideox_adapter

STRETCH = 1.7
"""Times as far from each other as the network's own."""


def apart(positions: Any, frequencies: Any) -> Any:
    return STRETCH * positions[:, None] * frequencies


@contextmanager
def stretched(adapter: Any, name: str) -> Generator[None]:
    """While it is open, the network's own positions are that far apart in time."""

    def of_frames(cosines: torch.Tensor, sines: torch.Tensor, theta: float, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The tables ``(tokens, ..., channels)`` with other ones of time, by the formula in float64."""
        tokens = cosines.shape[0] if cosines.ndim == 2 else cosines.shape[1]
        frame = torch.arange(tokens, dtype=torch.float64) // (tokens // 5)
        exponents = torch.arange(0, channels, 2, dtype=torch.float64) / channels
        angles = (STRETCH * frame[:, None] / theta**exponents).repeat_interleave(2, 1)
        made = []
        for table, wave in ((cosines, angles.cos()), (sines, angles.sin())):
            table = table.clone()
            table.view(tokens, -1)[:, :channels] = wave.float()
            made.append(table)
        return made[0], made[1]

    with pytest.MonkeyPatch.context() as patch:
        if name == "cogvideox_5b":
            own: Any = cogvideox_adapter.rotary_positions

            def rotary_positions(config: Any, *args: Any) -> Any:
                cosines, sines = own(config, *args)
                return of_frames(cosines, sines, 10_000.0, config.attention_head_dim // 4)

            patch.setattr(cogvideox_adapter, "rotary_positions", rotary_positions)
            yield
            return
        network = getattr(adapter.denoiser, "transformer", adapter.denoiser)
        theta, channels = (10_000.0, network.rope.t_dim) if name == "wan_21" else (256.0, network.rope.rope_dim[0])
        hook = network.rope.register_forward_hook(lambda module, given, tables: of_frames(tables[0], tables[1], theta, channels))
        try:
            yield
        finally:
            hook.remove()


@pytest.mark.parametrize("adapter", ["wan_21", "cogvideox_5b", "hunyuan15_dir"], indirect=True)
def test_other_positions_are_those_of_a_network_that_has_others(adapter, request):
    name = request.node.callspec.params["adapter"]
    x, timestep, text = latents(adapter), torch.tensor(500.0), one_text(adapter)
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(Rotary(apart))), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    with stretched(adapter, name):
        wanted = adapter.denoise(x, timestep, text)
    torch.testing.assert_close(got, wanted, atol=2e-5, rtol=1e-4)
    assert (got - plain).abs().max() > 1e-4


@pytest.mark.parametrize("adapter", ["cogvideox_2b", "tiny_ltx", "tiny_ltx2"], indirect=True)
def test_those_that_have_none_of_this_form_say_none(adapter):
    assert {site.rotary for site in adapter.facts.sites} == {None}
