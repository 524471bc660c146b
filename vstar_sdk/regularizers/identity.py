"""``identity``: every frame attends to itself alone. In the paper's analysis this makes a clip more dynamic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.attention.operations import Mix
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.regularizers.replacement import ReplacementOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vstar_sdk.attention.operations import Operation
    from vstar_sdk.attention.sites import Site


class Identity:
    """Mixes the identity into the attention maps: at weight 1 the output is exactly the frame's own value."""

    def __init__(self, options: ReplacementOptions) -> None:
        self.options = options

    def operations(self, site: Site) -> Sequence[Operation]:
        """One `Mix`, at the chosen levels."""
        if not self.options.touches(site):
            return ()
        return (Mix(lambda distance: (distance == 0).to(distance), self.options.weight),)


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer ``identity``."""
    register(
        "identity", options=ReplacementOptions, factory=Identity, summary="Every frame attends to itself only (for analysis)."
    )
