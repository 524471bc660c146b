"""Layers whose stored weights are all zero."""

from __future__ import annotations

import torch
from safetensors.torch import save_file
from torch import nn

from vstar_sdk.weights.zeros import stored_zeros


def test_a_layer_is_zero_where_all_its_stored_weights_are(tmp_path):
    layer = nn.Linear(2, 2)
    zeros, ones = {"weight": torch.zeros(2, 2), "bias": torch.zeros(2)}, {"weight": torch.zeros(2, 2), "bias": torch.ones(2)}
    half = {"half.weight": torch.zeros(2, 2)}
    named = {f"{name}.{key}": value for name, values in (("zero", zeros), ("one", ones)) for key, value in values.items()}
    save_file(named | half, tmp_path / "model.safetensors")
    zero = stored_zeros(tmp_path)
    assert [zero(name, layer) for name in ("zero", "one", "half", "absent")] == [True, False, False, False]


def test_what_has_no_weights_is_not_zero_with_and_without_files(tmp_path):
    assert not stored_zeros(tmp_path)("layer", nn.Linear(2, 2))
    assert not stored_zeros(tmp_path)("layer", nn.Identity())
    save_file({"layer.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    assert not stored_zeros(tmp_path)("layer", nn.Identity())
