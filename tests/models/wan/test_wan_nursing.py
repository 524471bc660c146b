"""Wan 2.1 and 2.2 while they are nursed: all experts, blocks."""

from __future__ import annotations

import pytest
import torch

from tests.transformer_models import latents, one_text, plan, processors
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.regularizers.tar import Tar, TarOptions


@pytest.mark.parametrize("adapter", ["wan_21", "wan_22"], indirect=True)
def test_nursing_is_on_all_experts_and_leaves_the_model_as_it_was(adapter):
    weights = {name: value.clone() for name, value in adapter.denoiser.state_dict().items()}
    before = processors(adapter)
    text = one_text(adapter)

    def run(timestep):
        return adapter.denoise(latents(adapter), torch.tensor(timestep), text)

    plain = {timestep: run(timestep) for timestep in (900, 100)}
    with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))), adapter.family) as nursing:
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() < 1e-6  # before the first step all is plain
        nursing.at(0, 4)
        for timestep, unchanged in plain.items():
            assert (run(timestep) - unchanged).abs().max() > 1e-4
    after = adapter.denoiser.state_dict()
    assert all(one is other for one, other in zip(processors(adapter), before, strict=True))
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    assert torch.equal(run(900), plain[900])


def test_blocks_choose_where_a_regularizer_acts(adapter):
    planned = plan(adapter, Tar(TarOptions(sigma={0: 2}, blocks=(1, 1))))
    assert [site.site.index for site in planned.sites] == [1]
    assert planned.untouched == 1
    assert "frame-pair bias with row statistics (Tar)" in planned.describe(4)


def test_blocks_are_refused_on_a_model_with_levels(tiny_source):
    with pytest.raises(SpecError, match="its blocks have no numbers"):
        plan_attention(tiny_source.facts().sites, [Tar(TarOptions(blocks=(0, 1)))], Clock(8, 8.0))
