"""The plan: what is done at every site in every step, and by which execution. No torch.

The cheapest exact execution is chosen for the operations that are active at once:

=============================  ==============================================================================
operations                     execution
=============================  ==============================================================================
none                           ``sdpa``: PyTorch's fused attention, as the model has it
biases without a statistic     ``masked sdpa``: the same, with the sum of the biases as an additive mask
a bias with a row statistic    ``row statistics``: logits in small chunks, changed in place, softmax in float32
changes of the logits          ``changed logits``: the same, with the functions called on every chunk
scales                         ``scaled ...``: one of these, with queries and keys multiplied beforehand
mixes                          ``... mixed with a map``: one of these, its output mixed with ``M V`` afterwards
a mix of weight 1              ``a map``: ``M V`` alone, no logits
wraps                          ``wrapped ...``: one of these, called by the functions
biases, at a joint site        ``frame-pair bias``: no mask of tokens by tokens (see `vstar_sdk.attention.joint`)
=============================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from vstar_sdk.attention.check import check_regularizer, check_together, name_of, operations_at, steps_inside
from vstar_sdk.attention.operations import Bias, Logits, Mix, Operation, Scale, Wrap
from vstar_sdk.attention.sites import Site, SiteAddress, SiteKind
from vstar_sdk.errors import SpecError

if TYPE_CHECKING:
    from vstar_sdk.regularizers.contract import Regularizer


@dataclass(frozen=True)
class Act:
    """The part of one regularizer at one site.

    Attributes:
        regularizer: its name.
        window: when it acts, as fractions of the schedule.
        operations: what it does, at least one.
        index: its place in the spec.
    """

    regularizer: str
    window: tuple[float, float]
    operations: tuple[Operation, ...]
    index: int = 0


@dataclass(frozen=True)
class Stretch:
    """Steps in which the same regularizers act at a site.

    Attributes:
        steps: from 0.
        regularizers: their names, in the order of the spec; none outside all windows.
        execution: how the attention runs.
    """

    steps: range
    regularizers: tuple[str, ...]
    execution: str


@dataclass(frozen=True)
class SitePlan:
    """Everything that is done at one site; at least one act."""

    site: Site
    acts: tuple[Act, ...]

    def active(self, step: int, steps: int) -> tuple[Act, ...]:
        """The acts whose windows hold ``step`` (from 0) of ``steps``."""
        return tuple(act for act in self.acts if step in steps_inside(act.window, steps))

    def stretches(self, steps: int) -> tuple[Stretch, ...]:
        """The schedule cut where the active regularizers change."""
        cut: list[Stretch] = []
        for acts, group in groupby(range(steps), key=lambda step: self.active(step, steps)):
            inside = list(group)
            names = tuple(act.regularizer for act in acts)
            operations = [operation for act in acts for operation in act.operations]
            cut.append(
                Stretch(
                    range(inside[0], inside[-1] + 1),
                    names,
                    execution(operations, self.site.kind),
                )
            )
        return tuple(cut)


@dataclass(frozen=True)
class Plan:
    """What is done to a model's temporal attention in a run.

    Attributes:
        sites: the sites that a regularizer touches, in the order of the network; all others keep what they have.
        untouched: how many others there are.
        frames: frames that attend to each other.
    """

    sites: tuple[SitePlan, ...]
    untouched: int
    frames: int

    def summary(self, steps: int) -> str:
        """The plan in a few lines: sites of one level at which the same happens share one.

        Args:
            steps: steps of the schedule.
        """
        alike: dict[tuple[int, tuple[Stretch, ...]], int] = {}
        for planned in self.sites:
            key = (planned.site.level, planned.stretches(steps))
            alike[key] = alike.get(key, 0) + 1
        lines = [
            f"level {level}, {_sites(count)}: {'; '.join(map(_describe, stretches))}"
            for (level, stretches), count in sorted(alike.items(), key=lambda item: item[0][0])
        ]
        return "\n".join([*lines, f"{_sites(self.untouched)} untouched"])

    def describe(self, steps: int) -> str:
        """The plan as text, one line for each touched site and one for the rest.

        Args:
            steps: steps of the schedule.
        """
        lines: list[str] = []
        width = max((len(planned.site.name) for planned in self.sites), default=0)
        for planned in self.sites:
            site = planned.site
            what = "; ".join(_describe(stretch) for stretch in planned.stretches(steps))
            lines.append(f"{site.name:<{width}}  level {site.level} {site.block:<4}  {site.heads} x {site.head_dim}  {what}")
        lines.append(f"{_sites(self.untouched)} untouched")
        return "\n".join(lines)


def plan_attention(
    addresses: Sequence[SiteAddress], regularizers: Sequence[Regularizer], *, frames: int, fps: float, steps: int | None = None
) -> Plan:
    """Ask every regularizer what it wants at every site.

    Args:
        addresses: all temporal self-attentions of the model.
        regularizers: in the order of the spec.
        frames: frames that attend to each other (latent frames, where the model compresses time).
        fps: frames a second, in the same sense.
        steps: steps of the run; None when they are not known yet, and then empty windows are not refused.

    Raises:
        SpecError: see `check_regularizer` and `check_together`; the path begins with ``("regularizers", index)``.
        PluginError: see `operations_at`.
    """
    for index, regularizer in enumerate(regularizers):
        try:
            check_regularizer(regularizer, addresses, frames=frames, fps=fps, steps=steps)
        except SpecError as error:
            raise error.under("regularizers", index) from None
    sites = [Site.of(address, frames, fps) for address in addresses]
    planned = [SitePlan(site, _acts(site, regularizers)) for site in sites]
    for plan in planned:
        check_together(plan.site, plan.acts, steps)
    touched = tuple(plan for plan in planned if plan.acts)
    return Plan(touched, len(sites) - len(touched), frames)


def execution(operations: Sequence[Operation], kind: SiteKind = "factorised") -> str:
    """The cheapest execution that is exact for these operations together at a site of a kind, in words."""
    wrapped = "wrapped " if any(isinstance(operation, Wrap) for operation in operations) else ""
    mixes = [operation for operation in operations if isinstance(operation, Mix)]
    if any(mix.weight == 1.0 for mix in mixes):
        return f"{wrapped}a map"
    statistics = {operation.stat for operation in operations if isinstance(operation, Bias)}
    words = "sdpa" if not statistics else "masked sdpa" if statistics == {"none"} else "row statistics"
    if kind == "joint" and statistics:
        words = "frame-pair bias" if statistics == {"none"} else "frame-pair bias with row statistics"
    if any(isinstance(operation, Logits) for operation in operations):
        words = "changed logits"
    if any(isinstance(operation, Scale) for operation in operations):
        words = f"scaled {words}"
    return wrapped + (f"{words} mixed with a map" if mixes else words)


def _acts(site: Site, regularizers: Sequence[Regularizer]) -> tuple[Act, ...]:
    wanted = ((index, asked, operations_at(asked, site)) for index, asked in enumerate(regularizers))
    return tuple(
        Act(name_of(asked), asked.options.window, operations, index) for index, asked, operations in wanted if operations
    )


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"


def _describe(stretch: Stretch) -> str:
    first, last = stretch.steps[0], stretch.steps[-1]
    span = f"step {first}" if first == last else f"steps {first}-{last}"
    return f"{span} {stretch.execution}" + (f" ({', '.join(stretch.regularizers)})" if stretch.regularizers else "")
