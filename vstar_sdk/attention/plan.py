"""The plan: what is done at every site in every step. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from vstar_sdk.attention.branches import BranchPlan, ChangedBranch, check_branches, plan_branches
from vstar_sdk.attention.check import check_beside, check_regularizer, check_together, name_of, operations_at, watched_at
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.recipe import Act, Recipe, lower, told_apart
from vstar_sdk.attention.remembering import RememberingRegularizer
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.options import Course

if TYPE_CHECKING:
    from vstar_sdk.regularizers.contract import Regularizer


@dataclass(frozen=True)
class Stretch:
    """Steps in which the same regularizers act at a site.

    Attributes:
        steps: from 0.
        regularizers: their names, with strengths that change, in the order of the spec; none outside all windows.
        recipes: how the attention runs; by `told_apart`.
    """

    steps: range
    regularizers: tuple[str, ...]
    recipes: Mapping[bool | None, Recipe]

    @property
    def words(self) -> str:
        """The execution in words."""
        if None in self.recipes:
            return self.recipes[None].words
        return f"{self.recipes[True].words} in branches of the prompt, {self.recipes[False].words} in others"


@dataclass(frozen=True)
class Watch:
    """A regularizer that wants the attention maps of a site.

    Attributes:
        regularizer: its name.
        index: its place in the spec.
        window: when, as fractions of the schedule.
    """

    regularizer: str
    index: int
    window: tuple[float, float]

    def words(self, steps: int) -> str:
        """``watched by acme/profile in steps 0-3``."""
        return f"watched by {self.regularizer} in {_span(steps_inside(self.window, steps))}"


@dataclass(frozen=True)
class SitePlan:
    """Everything that is done at one site; in a plan at least one act, watch or branch."""

    site: Site
    acts: tuple[Act, ...]
    watches: tuple[Watch, ...] = ()
    branches: tuple[BranchPlan, ...] = ()

    @property
    def touched(self) -> bool:
        """Whether anything is done there."""
        return bool(self.acts or self.watches or self.branches)

    def active(self, step: int, steps: int) -> tuple[Act, ...]:
        """The acts whose windows hold ``step`` (from 0) of ``steps``, without those whose course is at 0 there."""
        inside = (act for act in self.acts if step in steps_inside(act.window, steps))
        return tuple(act for act in inside if not isinstance(act.strength, Course) or act.at(step, steps) != 0.0)

    def stretches(self, steps: int) -> tuple[Stretch, ...]:
        """The schedule cut where the active regularizers change."""
        cut: list[Stretch] = []
        for acts, group in groupby(range(steps), key=lambda step: self.active(step, steps)):
            inside = list(group)
            stretch = range(inside[0], inside[-1] + 1)
            names = tuple(_named(act, stretch, steps) for act in acts)
            recipes = {prompted: lower(acts, self.site.kind, prompted, fused=self.site.fused) for prompted in told_apart(acts)}
            cut.append(Stretch(stretch, names, recipes))
        return tuple(cut)


@dataclass(frozen=True)
class AttentionPlan:
    """What is done to a model's temporal attention in a run.

    Attributes:
        sites: the sites that a regularizer or a branch of the guidance touches, in the order of the network; all others keep what
            they have.
        untouched: how many others there are.
        clock: of the clip.
        remembering: the regularizers with a memory, by their place in the spec.
    """

    sites: tuple[SitePlan, ...]
    untouched: int
    clock: Clock
    remembering: Mapping[int, RememberingRegularizer] = field(default_factory=dict[int, RememberingRegularizer])

    @property
    def frames(self) -> int:
        """Frames that attend to each other."""
        return self.clock.latents

    def summary(self, steps: int) -> str:
        """The plan in a few lines: sites of one level at which the same happens share one.

        Args:
            steps: steps of the schedule.
        """
        alike = Counter((planned.site.level, _described(planned, steps)) for planned in self.sites)
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
            what = _described(planned, steps)
            lines.append(f"{site.name:<{width}}  level {site.level} {site.block:<4}  {site.heads} x {site.head_dim}  {what}")
        lines.append(f"{_sites(self.untouched)} untouched")
        return "\n".join(lines)


def plan_attention(
    addresses: Sequence[SiteAddress],
    regularizers: Sequence[Regularizer],
    clock: Clock,
    steps: int | None = None,
    branches: Sequence[ChangedBranch] = (),
) -> AttentionPlan:
    """Ask every regularizer what it wants at every site, and every branch that is to be nursed in another way.

    Args:
        addresses: all temporal self-attentions of the model.
        regularizers: in the order of the spec.
        clock: of the clip.
        steps: steps of the run; None when they are not known yet, and then empty windows are not refused.
        branches: of the guidance, whose attention is changed.

    Raises:
        SpecError: see `check_regularizer`, `check_together` and `check_beside`; the path begins with ``("regularizers", index)``.
            See `check_branches`; there the path is ``("sampling", "guidance")``.
        PluginError: see `operations_at` and `plan_branches`.
    """
    for index, regularizer in enumerate(regularizers):
        try:
            check_regularizer(regularizer, addresses, clock, steps)
        except SpecError as error:
            raise error.under("regularizers", index) from None
    sites = [Site.at(address, clock) for address in addresses]
    try:
        check_branches(branches, addresses, clock, steps)
        changed = [plan_branches(branches, site) for site in sites]
    except SpecError as error:
        raise error.under("sampling", "guidance") from None
    planned = [
        SitePlan(site, _acts(site, regularizers), _watches(site, regularizers), also)
        for site, also in zip(sites, changed, strict=True)
    ]
    for plan in planned:
        check_together(plan.site, plan.acts, steps)
        check_beside(plan.site, plan.acts, regularizers, steps)
    touched = tuple(plan for plan in planned if plan.touched)
    remembering = {index: asked for index, asked in enumerate(regularizers) if isinstance(asked, RememberingRegularizer)}
    return AttentionPlan(touched, len(sites) - len(touched), clock, remembering)


def _acts(site: Site, regularizers: Sequence[Regularizer]) -> tuple[Act, ...]:
    wanted = ((index, asked, operations_at(asked, site)) for index, asked in enumerate(regularizers))
    return tuple(
        Act(
            name_of(asked),
            asked.options.window,
            operations,
            index,
            asked.options.strength,
            isinstance(asked, RememberingRegularizer),
        )
        for index, asked, operations in wanted
        if operations
    )


def _watches(site: Site, regularizers: Sequence[Regularizer]) -> tuple[Watch, ...]:
    wanted = ((index, asked, watched_at(asked, site)) for index, asked in enumerate(regularizers))
    return tuple(Watch(name_of(asked), index, window) for index, asked, window in wanted if window is not None)


def _sites(count: int) -> str:
    return f"{count} site{'' if count == 1 else 's'}"


def _described(planned: SitePlan, steps: int) -> str:
    stretches = (_describe(stretch) for stretch in planned.stretches(steps))
    branches = (branch.words(steps, _span, planned.site) for branch in planned.branches)
    return "; ".join([*stretches, *(watch.words(steps) for watch in planned.watches), *branches])


def _named(act: Act, stretch: range, steps: int) -> str:
    """A regularizer as people call it, and how strong it is where that changes."""
    if act.constant is not None:
        return act.regularizer
    own = " times its own" if act.remembers else ""
    first, last = (f"{act.at(step, steps):.3g}" for step in (stretch[0], stretch[-1]))
    return f"{act.regularizer} at {first if first == last else f'{first} to {last}'}{own}"


def _span(steps: range) -> str:
    if not steps:
        return "no step"
    return f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]}-{steps[-1]}"


def _describe(stretch: Stretch) -> str:
    return f"{_span(stretch.steps)} {stretch.words}" + (f" ({', '.join(stretch.regularizers)})" if stretch.regularizers else "")
