"""What a regularizer with a memory is. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.sites import Site


class Memory(Protocol):
    """What a regularizer knows of one run: made by `RememberingRegularizer.begin`, let go of at the run's end.

    A sampler may take the schedule several times: every turn from step 0 has a memory of its own. One that goes back to a step
    inside the schedule goes on with the memory that there is, which then sees the maps of these steps again.
    """

    def observe(self, site: Site, moment: Moment, attention: Tensor) -> None:
        """See the attention map of a site in a step, once the step is done; in the order of the steps, and of the network.

        Args:
            site: one that it watches.
            moment: the step.
            attention: ``(frames, frames)``, float32, on the CPU, its own: what the values were multiplied with after all
                operations, averaged over positions, heads and guidance branches (but those whose attention the guidance changes).
                Every row sums to 1; where a sequence holds text too, and takes all attention of a frame, its row is 0.
        """
        ...

    def strength(self, site: Site, moment: Moment) -> float:
        """How much of the operations is done at a site in a step of the window, from what was observed until then.

        Returns:
            0 (nothing, bit for bit) or more; times the options' own strength. It depends on what was observed only.
        """
        ...


@runtime_checkable
class RememberingRegularizer(Protocol):
    """A `Regularizer` with a memory: its strength may follow the attention maps of earlier steps."""

    def watches(self, site: Site) -> tuple[float, float] | None:
        """The part of the schedule in which it wants the maps of a site, as ``window`` is written; None for none.

        Each map costs about another attention. It is asked with the plan, and must answer the same for the same site.
        """
        ...

    def begin(self, sites: Sequence[Site], steps: int) -> Memory:
        """A new memory, for one run, or one turn of it (see `Memory`).

        Args:
            sites: where it acts or watches, in the order of the network.
            steps: steps of the schedule.
        """
        ...
