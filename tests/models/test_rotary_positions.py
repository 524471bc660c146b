"""The rotary positions that families say their networks have: other ones do what the network does with its own changed."""

from __future__ import annotations

import math
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


def of_ltx(tables: Any, config: Any) -> Any:
    """Three latent frames of 8 / 25 s: of every six channels two are time's, and each head has others."""
    channels = config.num_attention_heads * config.attention_head_dim
    count, rest, made = channels // 6, channels % 6, []
    tokens = tables[0].shape[1]
    second = 8 / 25 * (torch.arange(tokens, dtype=torch.float64) // (tokens // 3))
    for table, wave in zip(tables, (torch.cos, torch.sin), strict=True):
        table = table.clone()
        for number in range(count):
            angles = 10_000.0 ** (number / (count - 1)) * math.pi / 2 * (2 * STRETCH * second / 20 - 1)
            table[:, :, rest + 6 * number : rest + 6 * number + 2] = wave(angles)[:, None].float()
        made.append(table)
    return tuple(made)


def of_kandinsky(table: Any, config: Any) -> Any:
    """Rotations ``(1, frames, height, width, 1, pairs, 2, 2)``."""
    table = table.clone()
    for number in range(config.axes_dims[0] // 2):
        angles = STRETCH * torch.arange(table.shape[1], dtype=torch.float64) / 10_000.0 ** (2 * number / config.axes_dims[0])
        turns = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], dim=-1).unflatten(-1, (2, 2))
        table[..., number, :, :] = turns[None, :, None, None, None].float()
    return table


OTHERS: dict[str, Any] = {"tiny_ltx": of_ltx, "kandinsky5_dir": of_kandinsky}
"""Networks with tables of another form."""


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
        if name in OTHERS:
            rope = network.rope if name == "tiny_ltx" else network.visual_rope_embeddings
            hook = rope.register_forward_hook(lambda module, given, tables: OTHERS[name](tables, network.config))
            yield
            hook.remove()
            return
        theta, channels = (10_000.0, network.rope.t_dim) if name == "wan_21" else (256.0, network.rope.rope_dim[0])
        hook = network.rope.register_forward_hook(lambda module, given, tables: of_frames(tables[0], tables[1], theta, channels))
        try:
            yield
        finally:
            hook.remove()


SLOW = pytest.param("motif_read_once", marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "adapter", ["wan_21", "cogvideox_5b", "hunyuan15_dir", "tiny_ltx", "kandinsky5_dir", SLOW], indirect=True
)
def test_other_positions_are_those_of_a_network_that_has_others(adapter, request):
    name = request.node.callspec.params["adapter"]
    x, timestep, text = latents(adapter), torch.tensor(500.0), one_text(adapter)
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(Rotary(apart))), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    with stretched(adapter, name):
        wanted = adapter.denoise(x, timestep, text)
    rounded = name == "kandinsky5_dir"  # whose turned queries and keys are rounded to bfloat16 first
    torch.testing.assert_close(got, wanted, atol=5e-3 if rounded else 2e-5, rtol=1e-4)
    assert (got - plain).abs().max() > 50 * (got - wanted).abs().max()
    assert (got - plain).abs().max() > 1e-4


@pytest.mark.parametrize("adapter", ["cogvideox_2b", "tiny_ltx2", "mochi_dir", "minimax_h3_dir"], indirect=True)
def test_those_that_have_none_of_this_form_say_none(adapter):
    assert {site.rotary for site in adapter.facts.sites} == {None}
