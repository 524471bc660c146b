"""How large the chunks are in which attention makes logits of its own, and the memory that they take. No torch."""

from __future__ import annotations

from vstar_sdk.attention.operations import Statistic
from vstar_sdk.attention.recipe import Recipe

CPU_CHUNK = 2**17
"""Numbers in the largest tensor of a chunk on one thread of a CPU, so that all stay in its cache: 512 KiB in float32."""
THREAD_CHUNK = 2**18
"""The same for each of several threads: threads synchronise after every operation, and larger chunks mean fewer operations."""
JOINT_CHUNK = 2**19
"""The same at joint sites: 2 MiB in float32. More leaves the cache, less makes the matrix products too thin."""
DEVICE_CHUNK = 2**25
"""The same on any other device, where it only bounds memory: 128 MiB in float32."""

FLOAT32_BYTES = 4

PLAIN: frozenset[Statistic] = frozenset({"none"})
"""The statistics of biases that are added as they are."""


def chunk_numbers(device: str, threads: int) -> int:
    """Numbers in the largest tensor of a chunk at a factorised site.

    Args:
        device: type of the device, such as ``cpu``.
        threads: that torch computes with on the CPU.
    """
    if device != "cpu":
        return DEVICE_CHUNK
    return CPU_CHUNK if threads == 1 else THREAD_CHUNK * threads


def joint_chunk_numbers(device: str) -> int:
    """Logits of a chunk at a joint site.

    Args:
        device: type of the device, such as ``cpu``.
    """
    return JOINT_CHUNK if device == "cpu" else DEVICE_CHUNK


def makes_logits(recipe: Recipe, device: str) -> bool:
    """Whether an execution makes logits of its own, in chunks.

    Args:
        recipe: what is executed.
        device: type of the device, such as ``cpu``.
    """
    if recipe.fused:
        return False
    masked = (
        recipe.kind == "joint" and device != "cpu" and recipe.statistics == PLAIN and not recipe.changes
    )  # fused attention takes those biases
    return recipe.in_chunks and not masked


def attention_bytes(recipe: Recipe, device: str, threads: int) -> int:
    """The bytes that an execution needs in addition to queries, keys and values: two chunks in float32, the logits and
    their softmax, where it makes logits itself; a third where a share of a change is taken.

    Args:
        recipe: what is executed.
        device: type of the device, such as ``cpu``.
        threads: that torch computes with on the CPU.
    """
    if not makes_logits(recipe, device):
        return 0
    chunk = joint_chunk_numbers(device) if recipe.kind == "joint" else chunk_numbers(device, threads)
    shares = any(change.strength != 1.0 for change in recipe.changes)
    return (3 if shares else 2) * FLOAT32_BYTES * chunk
