"""No nursed model holds a matrix of tokens by tokens, and a block with TAR takes little more memory than without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.blocks import FAMILIES, TAR_OF_JOINT, peak
from tests.transformer_models import load
from vstar_sdk.attention import joint
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.regularizers.tar import Tar, TarOptions

SIDES = {"minimax_h3_dir": 448, "tiny_ltx": 640, "tiny_ltx2": 640, "tiny_ltx23": 640}
"""Pixels of a side, so that a clip has about a thousand tokens; else 256."""
QUICK = ("wan_21", "hunyuan15_dir")
"""Without text among the tokens, and with some of it hidden."""
OTHERS = (
    "skyreels_dir",
    "tiny_ltx",
    "tiny_ltx2",
    "tiny_ltx23",
    "cogvideox_2b",
    "cogvideox_5b",
    "kandinsky5_dir",
    "mochi_dir",
    "motif_dir",
    "minimax_h3_dir",
)


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that is made while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}  # views of weights are not made
        for tensor in _tensors(made):
            if tensor.untyped_storage().data_ptr() in given:
                continue
            self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // tensor.element_size())
        return made


def _tensors(made: object) -> Iterable[Tensor]:
    return (leaf for leaf in tree_leaves(made) if isinstance(leaf, Tensor))


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_no_tensor_is_as_large_as_tokens_by_tokens(name, request, monkeypatch):
    adapter = load(name, request.getfixturevalue(name))
    facts, side = adapter.facts, SIDES.get(name, 256)
    frames = facts.nearest(17)
    clock = facts.clock(frames, 8.0)
    seen: list[int] = []
    attention = NursedProcessor.attention

    def noted(self: NursedProcessor, query: Tensor, *given: Any, **named: Any) -> Tensor:
        seen.append(query.shape[2])
        return attention(self, query, *given, **named)

    monkeypatch.setattr(NursedProcessor, "attention", noted)
    monkeypatch.setattr(joint, "joint_chunk_numbers", lambda device: 2**14)
    plan = plan_attention(facts.sites, [Tar(TarOptions(window=(0.0, 1.0)).for_joint())], clock)
    text = adapter.encode(["a green landscape in summer"])[:, None].repeat_interleave(clock.latents, 1)
    latents = torch.randn(adapter.latent_shape(frames, side, side), generator=torch.Generator().manual_seed(0))
    with adapter.sampling(), nurse(adapter.denoiser, plan, adapter.family) as nursing, Largest() as largest:
        nursing.at(0, 2)
        adapter.denoise(latents, torch.tensor(500.0), text)
    tokens = min(seen)
    assert len(seen) == len(facts.sites)
    assert tokens > 1000
    assert largest.numbers < tokens**2 / 2, (tokens, largest.numbers)


def test_such_a_tensor_would_be_noticed():
    with Largest() as largest:
        mask = torch.ones(1000, 1, dtype=torch.bool) & torch.ones(1, 1000, dtype=torch.bool)
    assert largest.numbers == mask.numel() == 1000**2


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
@torch.no_grad()
def test_a_block_with_tar_takes_at_most_a_third_more_at_the_real_number_of_tokens(family):
    """One layer, one head; the number of tokens is the model's own, and an attention of one head is the worst case."""
    make, _ = FAMILIES[family]
    block = make(1, torch.device("cpu"), torch.float32)
    plain, stock = peak(block.nursed(None), torch.device("cpu")), peak(block.call, torch.device("cpu"))
    for name, options in TAR_OF_JOINT.items():
        with Largest() as largest:
            nursed = peak(block.nursed(options), torch.device("cpu"))
        assert nursed <= 1.3 * min(plain, stock), name
        assert largest.numbers < block.tokens**2 / 2, name
