"""Branches without attention, or without some layers, where all tokens of a clip attend to each other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from diffusers.hooks.layer_skip import LayerSkipConfig, apply_layer_skip
from torch.nn import functional

from tests.transformer_models import clock, latents, one_text
from vstar_sdk.attention.branches import ChangedBranch
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Skip
from vstar_sdk.attention.plan import plan_attention

JOINT = ["wan_21", "tiny_ltx", "tiny_ltx2", "cogvideox_5b", "hunyuan15_dir", "mochi_dir", "kandinsky5_dir", "motif_dir"]


def branch_of(adapter: Any, what: Any, block: int) -> torch.Tensor:
    """The prediction of a branch in which something of a block is left out, behind the prompt's of the same call."""
    changed = ChangedBranch("guide", "worse", (0.0, 1.0), lambda site: [Skip(what)] if site.index == block else [])
    plan = plan_attention(adapter.facts.sites, [], clock(adapter), 1, [changed])
    x, text = latents(adapter, side=64 if "ltx" in adapter.facts.name.lower() else 32), one_text(adapter)
    with nurse(adapter.denoiser, plan, adapter.family) as nursing:
        nursing.at(0, 1)
        nursing.call((True, True), x.shape[-2], x.shape[-1], names=("prompt", "worse"))
        return adapter.denoise(x.expand(2, *x.shape[1:]), torch.tensor(500.0), text.expand(2, -1, -1, -1))


def plain(adapter: Any, text: torch.Tensor | None = None) -> torch.Tensor:
    x = latents(adapter, side=64 if "ltx" in adapter.facts.name.lower() else 32)
    return adapter.denoise(x, torch.tensor(500.0), one_text(adapter) if text is None else text)[0]


def close(adapter: Any, got: torch.Tensor, wanted: torch.Tensor) -> None:
    """Equal but for rounding; Kandinsky rounds rotated queries and keys to bfloat16."""
    assert (got - wanted).abs().max() < (2e-4 if "kandinsky" in adapter.facts.name.lower() else 3e-5)


@contextmanager
def values_alone(length: int, video: slice) -> Generator[list[int]]:
    """While it is open, the video tokens of the second joint attention get their own values.

    Args:
        length: of its sequence; others have other ones.
        video: where its tokens are.

    Yields:
        The length of the sequence of every self-attention.
    """
    stock, lengths = functional.scaled_dot_product_attention, []

    def attend(query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Any:
        out = stock(query, key, value, *args, **options)
        if query.shape[2] == key.shape[2]:
            lengths.append(query.shape[2])
            if query.shape[2] == length and lengths.count(length) == 2:
                out[:, :, video] = value[:, :, video]
        return out

    functional.scaled_dot_product_attention = attend
    try:
        yield lengths
    finally:
        functional.scaled_dot_product_attention = stock


@pytest.mark.parametrize("adapter", JOINT, indirect=True)
def test_without_scores_every_token_of_the_video_has_its_own_value(adapter, request):
    name = request.node.callspec.params["adapter"]
    prompt, worse = branch_of(adapter, "scores", 1)
    text, tokens = one_text(adapter), 4 * clock(adapter).latents
    with values_alone(0, slice(0, 0)) as lengths:
        plain(adapter, text)
    length = max(lengths) if adapter.family.one_text else tokens
    with values_alone(length, slice(length - tokens, None) if "cogvideox" in name else slice(0, tokens)) as lengths:
        wanted = plain(adapter, text)
    assert lengths.count(length) >= 2
    close(adapter, prompt, plain(adapter))
    close(adapter, worse, wanted)
    assert (worse - prompt).abs().max() > 1e-4


@pytest.mark.parametrize("adapter", ["wan_21", "tiny_ltx", "cogvideox_5b"], indirect=True)
def test_without_a_layer_it_is_the_layer_skip_of_diffusers(adapter):
    prompt, worse = branch_of(adapter, "layer", 0)
    network = getattr(adapter.denoiser, "transformer", adapter.denoiser)
    stack = "blocks" if hasattr(network, "blocks") else "transformer_blocks"
    apply_layer_skip(network, LayerSkipConfig(indices=[0], fqn=stack))
    try:
        wanted = plain(adapter)
    finally:
        getattr(network, stack)[0]._diffusers_hook.remove_hook("layer_skip_hook")
    close(adapter, worse, wanted)
    close(adapter, prompt, plain(adapter))
    assert (worse - prompt).abs().max() > 1e-4


@pytest.mark.parametrize("adapter", ["hunyuan15_dir", "tiny_ltx2", "mochi_dir", "kandinsky5_dir", "motif_dir"], indirect=True)
def test_blocks_give_back_all_their_streams(adapter):
    prompt, worse = branch_of(adapter, "layer", 0)
    close(adapter, prompt, plain(adapter))
    block = adapter.denoiser.get_submodule(adapter.facts.sites[0].name.rpartition(".")[0])
    streams = adapter.family.streams
    hook = block.register_forward_hook(
        lambda module, args, kwargs, output: (
            tuple(kwargs.get(stream, args[index] if index < len(args) else None) for index, stream in enumerate(streams))
            if isinstance(output, tuple)
            else args[0]
        ),
        with_kwargs=True,
    )
    try:
        wanted = plain(adapter)
    finally:
        hook.remove()
    close(adapter, worse, wanted)
    assert (worse - prompt).abs().max() > 1e-4
