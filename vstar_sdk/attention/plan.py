"""The plan: what is done at every site in every step. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from vstar_sdk.attention.check import check_regularizer, check_together, name_of, operations_at
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.recipe import Act, Recipe, lower
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError

if TYPE_CHECKING:
    from vstar_sdk.regularizers.contract import Regularizer


@dataclass(frozen=True)
class Stretch:
    """Steps in which the same regularizers act at a site.

    Attributes:
        steps: from 0.
        regularizers: their names, in the order of the spec; none outside all windows.
        recipe: how the attention runs.
    """

    steps: range
    regularizers: tuple[str, ...]
    recipe: Recipe


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
            cut.append(Stretch(range(inside[0], inside[-1] + 1), names, lower(acts, self.site.kind)))
        return tuple(cut)


@dataclass(frozen=True)
class AttentionPlan:
    """What is done to a model's temporal attention in a run.

    Attributes:
        sites: the sites that a regularizer touches, in the order of the network; all others keep what they have.
        untouched: how many others there are.
        clock: of the clip.
    """

    sites: tuple[SitePlan, ...]
    untouched: int
    clock: Clock

    @property
    def frames(self) -> int:
        """Frames that attend to each other."""
        return self.clock.latents

    def summary(self, steps: int) -> str:
        """The plan in a few lines: sites of one level at which the same happens share one.

        Args:
            steps: steps of the schedule.
        """
        alike = Counter((planned.site.level, _described(planned.stretches(steps))) for planned in self.sites)
        levels = sorted(alike.items(), key=lambda item: item[0][0])
        lines = [f"level {level}, {_sites(count)}: {what}" for (level, what), count in levels]
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
            what = _described(planned.stretches(steps))
            lines.append(f"{site.name:<{width}}  level {site.level} {site.block:<4}  {site.heads} x {site.head_dim}  {what}")
        lines.append(f"{_sites(self.untouched)} untouched")
        return "\n".join(lines)


def plan_attention(
    addresses: Sequence[SiteAddress], regularizers: Sequence[Regularizer], clock: Clock, steps: int | None = None
) -> AttentionPlan:
    """Ask every regularizer what it wants at every site.

    Args:
        addresses: all temporal self-attentions of the model.
        regularizers: in the order of the spec.
        clock: of the clip.
        steps: steps of the run; None when they are not known yet, and then empty windows are not refused.

    Raises:
        SpecError: see `check_regularizer` and `check_together`; the path begins with ``("regularizers", index)``.
        PluginError: see `operations_at`.
    """
    for index, regularizer in enumerate(regularizers):
        try:
            check_regularizer(regularizer, addresses, clock, steps)
        except SpecError as error:
            raise error.under("regularizers", index) from None
    sites = [Site.at(address, clock) for address in addresses]
    planned = [SitePlan(site, _acts(site, regularizers)) for site in sites]
    for plan in planned:
        check_together(plan.site, plan.acts, steps)
    touched = tuple(plan for plan in planned if plan.acts)
    return AttentionPlan(touched, len(sites) - len(touched), clock)


def _acts(site: Site, regularizers: Sequence[Regularizer]) -> tuple[Act, ...]:
    wanted = ((index, asked, operations_at(asked, site)) for index, asked in enumerate(regularizers))
    return tuple(
        Act(name_of(asked), asked.options.window, operations, index) for index, asked, operations in wanted if operations
    )


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"


def _described(stretches: Iterable[Stretch]) -> str:
    return "; ".join(_describe(stretch) for stretch in stretches)


def _describe(stretch: Stretch) -> str:
    first, last = stretch.steps[0], stretch.steps[-1]
    span = f"step {first}" if first == last else f"steps {first}-{last}"
    return f"{span} {stretch.recipe.words}" + (f" ({', '.join(stretch.regularizers)})" if stretch.regularizers else "")
