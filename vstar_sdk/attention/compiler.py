"""The compiler: a recipe made into one executor, whose strengths can be changed in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vstar_sdk.attention.branched import BranchedAttention
from vstar_sdk.attention.call import Current
from vstar_sdk.attention.executors import (
    Executor,
    MaskedAttention,
    MixedAttention,
    ScaledAttention,
    plain_attention,
)
from vstar_sdk.attention.fused import FusedAttention
from vstar_sdk.attention.joint import joint_attention
from vstar_sdk.attention.joint_segments import SegmentedJointAttention
from vstar_sdk.attention.logits import Change, LogitsAttention
from vstar_sdk.attention.operations import Logits, Statistic
from vstar_sdk.attention.placing import Placed, placed
from vstar_sdk.attention.recipe import Act, Ingredient, Recipe, lower, told_apart
from vstar_sdk.attention.rotation import RotatedAttention
from vstar_sdk.attention.segments import SegmentAttention
from vstar_sdk.attention.sites import Site
from vstar_sdk.attention.terms import Strengths, Terms, frame_distance, named
from vstar_sdk.attention.wrapping import WrappedAttention, WrappedJointAttention
from vstar_sdk.errors import PluginError, VstarError, out_of_memory


def compile_acts(site: Site, acts: Sequence[Act], current: Current | None = None) -> Executor:
    """Build the executor for the acts that are active at a site at once; strengths that change are 1.

    Args:
        site: where.
        acts: in the order of the spec.
        current: what the functions of wraps may know of the call.

    Raises:
        PluginError: see `Terms`.
    """
    by_branch = {
        prompted: Compiled(site, lower(acts, site.kind, prompted, fused=site.fused), current).attend
        for prompted in told_apart(acts)
    }
    return by_branch[None] if None in by_branch else BranchedAttention(by_branch, {}, current or Current())


class Compiled:
    """An executor of a recipe.

    Where a strength changes from step to step, the sums of all operations are made again and written over the old ones: what runs
    is the same as for a constant strength, to the last bit, and a compiled graph stays as it is.

    Args:
        site: where.
        recipe: what is done there.
        current: what the functions of wraps may know of the call.

    Attributes:
        attend: the executor; strengths that change are 1 at first.

    Raises:
        PluginError: see `Terms`.
    """

    def __init__(self, site: Site, recipe: Recipe, current: Current | None = None) -> None:
        self._terms = Terms(site, recipe)
        self._strengths: dict[int, float] = {}
        numbers = self._terms.at({})
        # Sites share what stays, for those of a level mostly have equal matrices.
        self._places = {name: Placed(number) if recipe.moves else placed(number) for name, number in numbers.named().items()}
        keep = self._places["keep"] if recipe.moves and recipe.mixes else float(numbers.keep)
        biases: dict[Statistic, Placed] = {stat: self._places[f"bias {stat}"] for stat in numbers.biases}
        q, k, fixed = self._places.get("q"), self._places.get("k"), self._places["fixed"]
        current, tokens = current or Current(), [segment.tokens for segment in site.segments]
        if recipe.kind == "cross":
            self.attend = SegmentAttention(self._places["segments"], tokens, current) if recipe.segments else plain_attention
            return
        changes = [_change(change, site, self._places.get(f"share {change.index}")) for change in recipe.changes]
        if recipe.kind == "joint":
            distance = frame_distance(site.clock) if changes else None
            attend = joint_attention(biases, q, k, keep, fixed, distance, changes, fused=recipe.fused)
            if recipe.segments:  # beside which wraps were refused with the plan
                attend = SegmentedJointAttention(attend, self._places["segments"], tokens, current)
            self.attend = self._rotated(self._wrapped(attend, recipe, site, current), site)
            return
        attend = _softmax_attention(site, biases, changes, recipe.fused)
        if recipe.scales:
            attend = ScaledAttention(attend, q, k)
        if recipe.mixes:
            attend = MixedAttention(attend, keep, fixed)
        self.attend = self._rotated(self._wrapped(attend, recipe, site, current), site)

    def _wrapped(self, attend: Executor, recipe: Recipe, site: Site, current: Current) -> Executor:
        for wrap in reversed(recipe.wraps):
            share = self._places.get(f"share {wrap.index}") if wrap.strength != 1.0 else None
            given = (attend, wrap.operation, named(wrap, site), current, share)
            attend = WrappedJointAttention(*given, frames=site.frames) if site.kind == "joint" else WrappedAttention(*given)
        return attend

    def _rotated(self, attend: Executor, site: Site) -> Executor:
        if site.rotary is None or "cos" not in self._places:
            return attend
        return RotatedAttention(attend, site.rotary, self._places["cos"], self._places["sin"])

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self.attend.prepare(device, dtype)
        for name, place in self._places.items():
            if name.startswith("share"):
                place.on(device, torch.float32)

    def tune(self, strengths: Strengths) -> None:
        """Change the strengths.

        Args:
            strengths: of all regularizers whose strengths change.

        Raises:
            PluginError: see `Terms.at`.
        """
        if self._strengths != strengths:
            for name, number in self._terms.at(strengths).named().items():
                self._places[name].write(number)
            self._strengths = dict(strengths)


def _softmax_attention(site: Site, biases: dict[Statistic, Placed], changes: Sequence[Change], fused: bool) -> Executor:
    if changes:
        return LogitsAttention(biases, frame_distance(site.clock), changes)
    if not biases:
        return plain_attention
    if biases.keys() == {"none"}:
        return MaskedAttention(biases["none"])
    in_chunks = LogitsAttention(biases)
    return FusedAttention(biases, in_chunks) if fused else in_chunks


def _change(one: Ingredient[Logits], site: Site, share: Placed | None) -> Change:
    """The function of a change of the logits: as much of it as its strength says, and its faults are told with its name."""
    where, fn = named(one, site), one.operation.fn

    def change(logits: Tensor, distance: Tensor) -> None:
        if torch.compiler.is_compiling():
            fn(logits, distance)
            return
        try:
            returned: object = fn(logits, distance)
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

    def a_share(logits: Tensor, distance: Tensor) -> None:
        before = logits.clone()
        change(logits, distance)
        torch.where(before.isneginf(), logits, before, out=before)  # there is no share of a way from -inf: it is gone whole
        same = logits == before  # among them what stays hidden, which has no difference in numbers
        logits.sub_(before).masked_fill_(same, 0.0).mul_(there.on(logits.device, torch.float32)).add_(before)

    if one.strength == 1.0 or share is None:
        return change
    there = share
    return a_share
