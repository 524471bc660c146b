"""A denoiser with a cache of diffusers, for one run."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from vstar_sdk.models.caches import FirstBlockCache, MagCache, TaylorSeerCache

_LAYERS = (
    r"(?:\w+_)?blocks\.\d+\.(?:attn|attn1|attn2|self_attention|cross_attention)",
    r"(?:\w+_)?blocks\.\d+\.(?:ff|ffn|feed_forward|ff_context)",
)
"""What TaylorSeer continues: the attentions and feed-forward layers of the blocks, by the names that models give them."""


def config_of(cache: FirstBlockCache | TaylorSeerCache | MagCache, network: Any, steps: int) -> Any:
    """What diffusers takes.

    Args:
        cache: of the spec.
        network: the denoiser, whose precision a Taylor series has.
        steps: of the schedule.
    """
    # Imported here, because all of diffusers' transformers come with it.
    from diffusers.hooks.first_block_cache import FirstBlockCacheConfig
    from diffusers.hooks.mag_cache import MagCacheConfig
    from diffusers.hooks.taylorseer_cache import TaylorSeerCacheConfig

    if isinstance(cache, FirstBlockCache):
        return FirstBlockCacheConfig(threshold=cache.threshold)
    if isinstance(cache, TaylorSeerCache):
        return TaylorSeerCacheConfig(
            cache_interval=cache.interval,
            disable_cache_before_step=cache.warm_up,
            max_order=cache.order,
            taylor_factors_dtype=network.dtype,
            cache_identifiers=[*_LAYERS],
        )
    return MagCacheConfig(
        threshold=cache.threshold,
        max_skip_steps=cache.most,
        retention_ratio=cache.warm_up,
        num_inference_steps=steps,
        mag_ratios=[*cache.ratios],
    )


@contextmanager
def caching(
    networks: Sequence[nn.Module], cache: FirstBlockCache | TaylorSeerCache | MagCache | None, steps: int
) -> Generator[None]:
    """While it is open, networks have an empty cache of their own.

    Args:
        networks: that share the schedule.
        cache: of the spec; None computes all.
        steps: of the schedule.
    """
    with ExitStack() as stack:
        for one in networks if cache is not None else ():
            network: Any = one
            network.enable_cache(config_of(cache, network, steps))  # pyright: ignore[reportArgumentType]
            stack.callback(network.disable_cache)
        yield


@contextmanager
def named(networks: Sequence[nn.Module], branches: Sequence[str]) -> Generator[None]:
    """While it is open, a call is for some branches of the guidance: each group has memory of its own.

    Args:
        networks: with a cache.
        branches: their names.
    """
    with ExitStack() as stack:
        for one in networks:
            network: Any = one
            stack.enter_context(network.cache_context(" ".join(branches)))
        yield
