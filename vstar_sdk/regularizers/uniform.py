"""``uniform``: every frame attends to all alike. In the paper's analysis this makes a clip more static."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.attention.operations import Mix
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.regularizers.replacement import ReplacementOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vstar_sdk.attention.operations import Operation
    from vstar_sdk.attention.sites import Site


class Uniform:
    """Mixes the uniform map into the attention maps: at weight 1 the output is the mean of all values."""

    def __init__(self, options: ReplacementOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> Sequence[Operation]:
        """One `Mix`, at the chosen levels."""
        if not self.options.touches(site):
            return ()
        return (Mix(lambda distance: 0 * distance + 1 / site.frames, self.options.weight),)


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``uniform``."""
    register(
        "uniform", options=ReplacementOptions, factory=Uniform, summary="All frames attend to each other equally (for analysis)."
    )
