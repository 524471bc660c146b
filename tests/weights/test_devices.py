"""What ``auto`` comes to."""

from __future__ import annotations

import contextlib

import pytest
import torch

from vstar_sdk.weights.devices import resolve_dtype


def test_a_cpu_computes_in_float32_and_what_is_written_counts():
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("float16", "cpu") == "float16"


@pytest.mark.parametrize(("capable", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_a_gpu_computes_in_bfloat16_if_it_can_without_emulation(monkeypatch, capable, dtype):
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: capable and not including_emulation)
    assert resolve_dtype("auto", "cuda:1") == dtype


@pytest.mark.parametrize(("recent", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_so_does_an_apple_gpu(monkeypatch, recent, dtype):
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: recent)
    assert resolve_dtype("auto", "mps") == dtype
