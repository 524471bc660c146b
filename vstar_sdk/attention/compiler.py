"""The compiler: the operations that are active at a site at once, made into one executor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Statistic, Wrap
from vstar_sdk.attention.plan import Act
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import PluginError, out_of_memory


def frame_distance(frames: int) -> Tensor:
    """``i - j`` for all pairs of frames: ``(frames, frames)``, float64."""
    position = torch.arange(frames, dtype=torch.float64)
    return position[:, None] - position[None, :]


def compile_acts(site: Site, acts: Sequence[Act]) -> Executor:
    """Build the executor for the acts that are active at a site at once. What has no effect is left out.

    Raises:
        PluginError: an operation's function fails, or does not give what the operation asks for; the regularizer is named.
    """
    biases: dict[Statistic, Tensor] = {}
    q, k = torch.ones(2, site.frames, dtype=torch.float64)
    changes: list[Change] = []
    keep, fixed = 1.0, torch.zeros(site.frames, site.frames, dtype=torch.float64)
    wraps: list[tuple[Wrap, str]] = []
    for act in acts:
        for operation in act.operations:
            where = f"regularizer {act.regularizer!r}: its {type(operation).__name__.lower()} at {site.name}"
            if isinstance(operation, Bias):
                bias = _bias(operation, site.frames, where)
                biases[operation.stat] = biases.get(operation.stat, 0.0) + bias
            elif isinstance(operation, Scale):
                q, k = q * _factors(operation.q, site.frames, where), k * _factors(operation.k, site.frames, where)
            elif isinstance(operation, Logits):
                changes.append(_change(operation, where))
            elif isinstance(operation, Mix):
                weight, fixed_map = operation.weight, _map(operation, site.frames, where)
                keep, fixed = keep * (1.0 - weight), fixed * (1.0 - weight) + weight * fixed_map
            else:
                wraps.append((operation, where))
    biases = {stat: bias for stat, bias in biases.items() if bias.any()}
    _check_visible(site, biases)
    scales = (q if (q != 1.0).any() else None, k if (k != 1.0).any() else None)
    if site.kind == "joint":  # whose changes and wraps were refused with the plan
        return joint_attention(biases, *scales, keep, fixed)
    attend = _softmax_attention(site, biases, changes)
    if scales != (None, None):
        attend = ScaledAttention(attend, *scales)
    if keep != 1.0:
        attend = MixedAttention(attend, keep, fixed)
    for wrap, where in reversed(wraps):
        attend = WrappedAttention(attend, wrap, where)
    return attend


def _check_visible(site: Site, biases: dict[Statistic, Tensor]) -> None:
    if "none" in biases and biases["none"].isneginf().all(dim=-1).any():
        raise PluginError(
            f"the biases at {site.name} together hide all frames from one",
            hint="regularizers that hide frames, such as windows, need a frame that all of them leave",
        )


def _softmax_attention(site: Site, biases: dict[Statistic, Tensor], changes: Sequence[Change]) -> Executor:
    if changes:
        return LogitsAttention(biases, frame_distance(site.frames), changes)
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
        except Exception as error:
            if out_of_memory(error):
                raise
            raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
        if returned is not None and returned is not logits:
            raise PluginError(
                f"{where} returned a {type(returned).__name__}", hint="it must change the logits in place: logits.mul_(2)"
            )

    return change


def _bias(bias: Bias, frames: int, where: str) -> Tensor:
    """The matrix of a bias."""
    matrix = _matrix(bias.fn, frames, where)
    hidden = matrix == -torch.inf
    if not (matrix.isfinite() | hidden).all() or (bias.stat != "none" and hidden.any()) or hidden.all(dim=-1).any():
        hint = "only a bias without a statistic may hold -inf, and never in a whole row"
        raise PluginError(f"{where} is not finite", hint=hint)
    return matrix


def _map(mix: Mix, frames: int, where: str) -> Tensor:
    """The fixed map of a mix."""
    matrix = _matrix(mix.fn, frames, where)
    if not (matrix >= 0.0).all() or not torch.allclose(matrix.sum(dim=-1), matrix.new_ones(frames)):
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


def _matrix(fn: Callable[[Tensor], Tensor], frames: int, where: str) -> Tensor:
    """What an operation's function makes of the distances: ``(frames, frames)``, float64, on the CPU."""
    try:
        matrix = fn(frame_distance(frames))
    except Exception as error:
        if out_of_memory(error):
            raise
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    if not isinstance(matrix, Tensor) or matrix.shape != (frames, frames):
        got = tuple(matrix.shape) if isinstance(matrix, Tensor) else type(matrix).__name__
        raise PluginError(f"{where} is {got}; it must be a tensor of shape {(frames, frames)}")
    return matrix.to("cpu", torch.float64)
