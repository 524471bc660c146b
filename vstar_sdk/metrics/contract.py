"""What a metric is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.sites import Site
    from vstar_sdk.footage import Footage


class Metric(Protocol):
    """Measures a clip while its frames pass by, one by one; it holds no more of them than it must.

    The caller begins it, adds exactly ``clip.frames`` frames, and asks for the result. It may be begun again, on another clip.
    """

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of what it measures: lower case letters, digits and underscores."""
        ...

    def begin(self, clip: Footage) -> None:
        """Begin a clip; also called while a run is planned, so it loads nothing.

        Raises:
            SpecError: such a clip cannot be measured (it is too short, say); the message says what can.
        """
        ...

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame: ``(height, width, 3)``, RGB, C-contiguous, of the clip's size.

        The array stays the caller's: copy what must outlive the call, and do not change it.
        """
        ...

    def result(self) -> Mapping[str, float]:
        """All frames were added: a finite number for each of `numbers`."""
        ...


@runtime_checkable
class MapMetric(Protocol):
    """A `Metric` of a run that measures attention maps too has these two methods. A film has no maps."""

    def watches(self, site: Site) -> tuple[float, float] | None:
        """The part of the schedule in which it wants the maps of a site, as ``window`` is written; None for none.

        Each map costs about another attention. It is asked with the plan, and must answer the same for the same site.
        """
        ...

    def observe(self, site: Site, moment: Moment, attention: Tensor) -> None:
        """See one of them, after ``begin`` and before the first frame; in the order of the steps, and of the network.

        Args:
            site: one that it watches.
            moment: the step; of a sampler that takes the schedule several times, in the last turn.
            attention: ``(frames, frames)``, float32, on the CPU, its own: what the values were multiplied with, as
                `vstar_sdk.Memory.observe` says.
        """
        ...
