"""The compiler: a recipe made into one executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.attention.executors import (
    Executor,
    MaskedAttention,
    MixedAttention,
    ScaledAttention,
    WrappedAttention,
    plain_attention,
)
from vstar_sdk.attention.joint import joint_attention
from vstar_sdk.attention.logits import Change, LogitsAttention
from vstar_sdk.attention.operations import Bias, Logits, Mix, Statistic
from vstar_sdk.attention.recipe import Act, Ingredient, Recipe, lower
from vstar_sdk.attention.sites import Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, VstarError, out_of_memory


def frame_distance(clock: Clock) -> Tensor:
    """``i - j`` for all pairs of frames, in units of the regular spacing (see `Clock`): ``(frames, frames)``, float64."""
    position = torch.tensor(clock.positions, dtype=torch.float64)
    return position[:, None] - position[None, :]


def compile_acts(site: Site, acts: Sequence[Act]) -> Executor:
    """Build the executor for the acts that are active at a site at once.

    Raises:
        PluginError: see `compile_recipe`.
    """
    return compile_recipe(site, lower(acts, site.kind))


def compile_recipe(site: Site, recipe: Recipe) -> Executor:
    """Build the executor of a recipe.

    Raises:
        PluginError: an operation's function fails, or does not give what the operation asks for; the regularizer is named.
    """

    def where(one: Ingredient[Any]) -> str:
        return f"regularizer {one.regularizer!r}: its {type(one.operation).__name__.lower()} at {site.name}"

    biases: dict[Statistic, Tensor] = {}
    for bias in recipe.biases:
        stat = bias.operation.stat
        biases[stat] = biases.get(stat, 0.0) + _bias(bias.operation, site.clock, where(bias))
    _check_visible(site, biases)
    q, k = torch.ones(2, site.frames, dtype=torch.float64)
    for scale in recipe.scales:
        q = q * _factors(scale.operation.q, site.frames, where(scale))
        k = k * _factors(scale.operation.k, site.frames, where(scale))
    scales = (q, k) if recipe.scales else (None, None)
    keep, fixed = 1.0, torch.zeros(site.frames, site.frames, dtype=torch.float64)
    for mix in recipe.mixes:
        weight, fixed_map = mix.operation.weight, _map(mix.operation, site.clock, where(mix))
        keep, fixed = keep * (1.0 - weight), fixed * (1.0 - weight) + weight * fixed_map
    if recipe.kind == "joint":  # whose changes and wraps were refused with the plan
        return joint_attention(biases, *scales, keep, fixed)
    attend = _softmax_attention(site, biases, [_change(change.operation, where(change)) for change in recipe.changes])
    if recipe.scales:
        attend = ScaledAttention(attend, *scales)
    if recipe.mixes:
        attend = MixedAttention(attend, keep, fixed)
    for wrap in reversed(recipe.wraps):
        attend = WrappedAttention(attend, wrap.operation, where(wrap))
    return attend


def _check_visible(site: Site, biases: dict[Statistic, Tensor]) -> None:
    if "none" in biases and biases["none"].isneginf().all(dim=-1).any():
        raise PluginError(
            f"the biases at {site.name} together hide all frames from one",
            hint="regularizers that hide frames, such as windows, need a frame that all of them leave",
        )


def _softmax_attention(site: Site, biases: dict[Statistic, Tensor], changes: Sequence[Change]) -> Executor:
    if changes:
        return LogitsAttention(biases, frame_distance(site.clock), changes)
    if not biases:
        return plain_attention
    return MaskedAttention(biases["none"]) if biases.keys() == {"none"} else LogitsAttention(biases)


def _change(operation: Logits, where: str) -> Change:
    """The function of a change of the logits, whose faults are told with its name."""

    def change(logits: Tensor, distance: Tensor) -> None:
        if torch.compiler.is_compiling():
            operation.fn(logits, distance)
            return
        try:
            returned: object = operation.fn(logits, distance)
        except VstarError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
        if returned is not None and returned is not logits:
            raise PluginError(
                f"{where} returned a {type(returned).__name__}", hint="it must change the logits in place: logits.mul_(2)"
            )

    return change


def _bias(bias: Bias, clock: Clock, where: str) -> Tensor:
    """The matrix of a bias."""
    matrix = bias.strength * _matrix(bias.fn, clock, where)
    hidden = matrix == -torch.inf
    if not (matrix.isfinite() | hidden).all() or (bias.stat != "none" and hidden.any()) or hidden.all(dim=-1).any():
        hint = "only a bias without a statistic may hold -inf, and never in a whole row"
        raise PluginError(f"{where} is not finite", hint=hint)
    return matrix


def _map(mix: Mix, clock: Clock, where: str) -> Tensor:
    """The fixed map of a mix."""
    matrix = _matrix(mix.fn, clock, where)
    if not (matrix >= 0.0).all() or not torch.allclose(matrix.sum(dim=-1), matrix.new_ones(len(matrix))):
        raise PluginError(f"{where} is no attention map", hint="no entry may be negative, and every row must sum to 1")
    if not 0.0 <= mix.weight <= 1.0:
        raise PluginError(f"{where} has the weight {mix.weight:g}", hint="a weight is 0 to 1")
    return matrix


def _factors(factors: float | tuple[float, ...], frames: int, where: str) -> Tensor:
    """One factor for each frame."""
    written = torch.as_tensor(factors, dtype=torch.float64)
    if written.shape not in ((), (frames,)) or not written.isfinite().all():
        raise PluginError(f"{where} is {factors!r}", hint=f"a scale is one finite number, or one for each of {frames} frames")
    return written.expand(frames)


def _matrix(fn: Callable[[Tensor], object], clock: Clock, where: str) -> Tensor:
    """What an operation's function makes of the distances: ``(frames, frames)``, float64, on the CPU."""
    frames = clock.latents
    try:
        matrix = fn(frame_distance(clock))
    except VstarError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    if not isinstance(matrix, Tensor) or matrix.shape != (frames, frames):
        got = tuple(matrix.shape) if isinstance(matrix, Tensor) else type(matrix).__name__
        raise PluginError(f"{where} is {got}; it must be a tensor of shape {(frames, frames)}")
    return matrix.to("cpu", torch.float64)
