"""A regularizer that cannot be combined with every other one. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import Site
    from vstar_sdk.regularizers.contract import Regularizer


@runtime_checkable
class ParticularRegularizer(Protocol):
    """A `Regularizer` that refuses some combinations. The core itself refuses combinations in which one has no effect."""

    def beside(self, site: Site, before: Sequence[Regularizer], after: Sequence[Regularizer]) -> None:
        """Look at the others that act at a site in one of its own steps. It is asked with the plan, wherever it acts.

        Args:
            site: where.
            before: those that the spec has before it, whose `Wrap` is outside of its own.
            after: those that the spec has after it.

        Raises:
            SpecError: the combination is not supported; the path is relative to its own options.
        """
        ...
