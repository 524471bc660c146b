"""The numbers of a recipe: what its operations' functions give, and their sums for any strengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.attention.operations import Bias, Mix, Rotary, SegmentBias, Statistic
from vstar_sdk.attention.recipe import Ingredient, Recipe
from vstar_sdk.attention.sites import RotaryPositions, Site
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, VstarError, out_of_memory

Strengths = Mapping[int, float]
"""The strength of every regularizer whose strength changes, by its place in the spec; those that are left out have 1."""


_MADE_OF: Mapping[Statistic, tuple[tuple[Statistic, float], ...]] = {"mean": (("max", 1.0), ("spread", -1.0))}
"""Statistics that are sums of those that an execution computes: ``mean = max - spread``."""


@dataclass(frozen=True)
class Matrices:
    """The sums of all operations of a site, float64 on the CPU.

    Attributes:
        biases: ``(frames, frames)`` for each statistic that an execution computes: ``none``, ``max``, ``spread``.
        q: ``(frames,)``; None where nothing is scaled.
        k: likewise.
        keep: 0-d, what is left of the attention's own map.
        fixed: ``(frames, frames)``, what takes the rest of its place.
        shares: 0-d, the strength of each regularizer whose functions run on tensors, by its place in the spec.
        turns: ``(frames, pairs)``, by which angles queries and keys are turned; None where they are not.
        segments: ``(frames, states)``; None where there are no biases of states.
    """

    biases: dict[Statistic, Tensor]
    q: Tensor | None
    k: Tensor | None
    keep: Tensor
    fixed: Tensor
    shares: dict[int, Tensor]
    turns: Tensor | None = None
    segments: Tensor | None = None

    def named(self) -> dict[str, Tensor]:
        """All of them, by names that hang on the recipe alone."""
        scales = {} if self.q is None or self.k is None else {"q": self.q, "k": self.k}
        biases = {f"bias {stat}": bias for stat, bias in self.biases.items()}
        shares = {f"share {index}": share for index, share in self.shares.items()}
        turned = {} if self.turns is None else {"cos": self.turns.cos(), "sin": self.turns.sin()}
        segments = {} if self.segments is None else {"segments": self.segments}
        return {**biases, **scales, "keep": self.keep, "fixed": self.fixed, **shares, **turned, **segments}


class Terms:
    """What each operation of a recipe says at strength 1; its functions are called once.

    Args:
        site: where.
        recipe: what is done there.

    Raises:
        PluginError: an operation's function fails, or does not give what the operation asks for; the regularizer is named.
    """

    def __init__(self, site: Site, recipe: Recipe) -> None:
        self._site, self._recipe = site, recipe
        self._biases = [(one, _bias(one.operation, site.clock, named(one, site))) for one in recipe.biases]
        self._scales = [
            (one, *(_factors(given, site.frames, named(one, site)) for given in (one.operation.q, one.operation.k)))
            for one in recipe.scales
        ]
        self._turns = [(one, _turns(one.operation, site, named(one, site))) for one in recipe.rotaries]
        self._segments = [(one, _segments(one.operation, site, named(one, site))) for one in recipe.segments]
        self._mixes = [(one, _map(one.operation, site.clock, named(one, site))) for one in recipe.mixes]

    def at(self, strengths: Strengths) -> Matrices:
        """The sums for some strengths.

        Raises:
            PluginError: the biases together hide all frames from one, a weight leaves 0 to 1, or a scale becomes negative.
        """

        def strength(one: Ingredient[Any]) -> float:
            return strengths.get(one.index, 1.0) if one.strength is None else one.strength

        frames = self._site.frames
        biases: dict[Statistic, Tensor] = {}
        for bias, matrix in self._biases:
            share = strength(bias) * bias.operation.strength
            for stat, sign in _MADE_OF.get(bias.operation.stat, ((bias.operation.stat, 1.0),)):
                biases[stat] = biases.get(stat, 0.0) + sign * share * matrix
        _check_visible(self._site, biases.get("none"), "frames")
        q, k = torch.ones(2, frames, dtype=torch.float64)
        for scale, *given in self._scales:
            share = strength(scale)
            by_q, by_k = (factors if share == 1.0 else 1.0 + share * (factors - 1.0) for factors in given)
            if any(((moved < 0.0) & (factors >= 0.0)).any() for moved, factors in zip((by_q, by_k), given, strict=True)):
                raise PluginError(
                    f"{named(scale, self._site)} is negative at strength {share:g}",
                    hint="a scale moves from 1 by its strength: where it is below 1, a large strength turns the attention round",
                )
            q, k = q * by_q, k * by_k
        keep, fixed = torch.ones((), dtype=torch.float64), torch.zeros(frames, frames, dtype=torch.float64)
        for mix, fixed_map in self._mixes:
            weight = strength(mix) * mix.operation.weight
            if not 0.0 <= weight <= 1.0:
                raise PluginError(
                    f"{named(mix, self._site)} has the weight {weight:g}", hint="a weight is 0 to 1, times its strength too"
                )
            keep, fixed = keep * (1.0 - weight), fixed * (1.0 - weight) + weight * fixed_map
        run = (one for one in (*self._recipe.changes, *self._recipe.wraps) if one.strength != 1.0)
        shares = {one.index: torch.tensor(strength(one), dtype=torch.float64) for one in run}
        turns, segments = _sum(self._turns, strength), _sum(self._segments, strength)
        _check_visible(self._site, segments, "states")
        scaled = bool(self._scales)
        return Matrices(biases, q if scaled else None, k if scaled else None, keep, fixed, shares, turns, segments)


def frame_distance(clock: Clock) -> Tensor:
    """``i - j`` for all pairs of frames, in units of the regular spacing (see `Clock`): ``(frames, frames)``, float64."""
    position = torch.tensor(clock.positions, dtype=torch.float64)
    return position[:, None] - position[None, :]


def named(one: Ingredient[Any], site: Site) -> str:
    """Whose an operation is, and where, for messages."""
    return f"regularizer {one.regularizer!r}: its {type(one.operation).__name__.lower()} at {site.name}"


def changes_nothing(one: Ingredient[Any], site: Site) -> bool:
    """Whether what an operation gives is nothing to a softmax: in every row one constant, or the model's own angles.

    Beside tokens of text, which no bias touches, a constant other than 0 is something.

    Args:
        one: the operation.
        site: where.

    Raises:
        PluginError: see `Terms`.
    """
    operation = one.operation
    if isinstance(operation, Bias):
        matrix = _bias(operation, site.clock, named(one, site))
        return not matrix.any() if site.kind == "joint" else bool((matrix == matrix[:, :1]).all())
    return isinstance(operation, Rotary) and not _turns(operation, site, named(one, site)).any()


def _sum(given: Sequence[tuple[Ingredient[Any], Tensor]], strength: Callable[[Ingredient[Any]], float]) -> Tensor | None:
    return reduce(torch.add, [strength(one) * matrix for one, matrix in given]) if given else None


def _check_visible(site: Site, bias: Tensor | None, what: str) -> None:
    if bias is not None and bias.isneginf().all(dim=-1).any():
        raise PluginError(
            f"the biases at {site.name} together hide all {what} from one",
            hint="regularizers that hide, such as windows, must leave at least one frame visible",
        )


def _bias(bias: Bias, clock: Clock, where: str) -> Tensor:
    """The matrix of a bias, without its strength."""
    matrix = _matrix(bias.fn, clock, where)
    hidden = matrix == -torch.inf
    if (
        not ((bias.strength * matrix).isfinite() | hidden).all()
        or (bias.stat != "none" and hidden.any())
        or hidden.all(dim=-1).any()
    ):
        hint = "only a bias without a statistic may hold -inf, and never in a whole row"
        raise PluginError(f"{where} is not finite", hint=hint)
    return matrix


def _turns(rotary: Rotary, site: Site, where: str) -> Tensor:
    """By which angles each frame is turned further than the model has turned it: ``(frames, pairs)``."""
    positions = torch.arange(float(site.frames), dtype=torch.float64)
    frequencies = torch.tensor((site.rotary or RotaryPositions(())).frequencies, dtype=torch.float64)
    own = positions[:, None] * frequencies
    angles = _given(lambda: rotary.fn(positions, frequencies), own.shape, where)
    if not angles.isfinite().all():
        raise PluginError(f"{where} is not finite", hint="angles are finite, in radians")
    return angles - own


def _segments(bias: SegmentBias, site: Site, where: str) -> Tensor:
    """The bias of every frame and state: ``(frames, states)``."""
    positions = torch.tensor(site.clock.positions, dtype=torch.float64)
    spans = torch.tensor([(segment.start, segment.end) for segment in site.segments], dtype=torch.float64).reshape(-1, 2)
    matrix = _given(lambda: bias.fn(positions, spans), (site.frames, len(site.segments)), where)
    hidden = matrix == -torch.inf
    if not (matrix.isfinite() | hidden).all() or hidden.all(dim=-1).any():
        raise PluginError(f"{where} is not finite", hint="only some states of a frame may be hidden by -inf")
    return matrix


def _map(mix: Mix, clock: Clock, where: str) -> Tensor:
    """The fixed map of a mix."""
    matrix = _matrix(mix.fn, clock, where)
    if not (matrix >= 0.0).all() or not torch.allclose(matrix.sum(dim=-1), matrix.new_ones(len(matrix))):
        raise PluginError(f"{where} is not an attention map", hint="no entry may be negative, and every row must sum to 1")
    return matrix


def _factors(factors: float | tuple[float, ...], frames: int, where: str) -> Tensor:
    """One factor for each frame."""
    try:
        written = torch.as_tensor(factors, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):  # torch's words for what is no number, or rows of different lengths
        written = torch.tensor(torch.nan)
    if written.shape not in ((), (frames,)) or not written.isfinite().all():
        raise PluginError(f"{where} is {factors!r}", hint=f"a scale is one finite number, or one for each of {frames} frames")
    return written.expand(frames)


def _matrix(fn: Callable[[Tensor], object], clock: Clock, where: str) -> Tensor:
    """What an operation's function makes of the distances: ``(frames, frames)``, float64, on the CPU."""
    return _given(lambda: fn(frame_distance(clock)), (clock.latents, clock.latents), where)


def _given(call: Callable[[], object], shape: Sequence[int], where: str) -> Tensor:
    """What an operation's function gives, if it is of a shape: float64, on the CPU."""
    try:
        matrix = call()
    except VstarError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise PluginError(f"{where} failed: {type(error).__name__}: {error}") from error
    if not isinstance(matrix, Tensor) or tuple(matrix.shape) != tuple(shape):
        got = tuple(matrix.shape) if isinstance(matrix, Tensor) else type(matrix).__name__
        raise PluginError(f"{where} is {got}; it must be a tensor of shape {tuple(shape)}")
    return matrix.to("cpu", torch.float64)
