"""What a regularizer is; one with a memory is a `vstar_sdk.RememberingRegularizer` too, one that refuses others a
`vstar_sdk.ParticularRegularizer`. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vstar_sdk.attention.operations import Operation
    from vstar_sdk.attention.sites import Site
    from vstar_sdk.options import RegularizerOptions


class Regularizer(Protocol):
    """Says, for each temporal self-attention of a model, what is to be done to it.

    Its options say when (``window``) and how much (``strength``), and the core sees to both; the factory that makes it is called
    with them. It needs no torch until one of its operations is compiled, and must answer the same for the same site.
    """

    @property
    def options(self) -> RegularizerOptions:
        """What the spec says about it."""
        ...

    def operations(self, site: Site) -> Sequence[Operation]:
        """The operations at a site, as they are at strength 1; empty where it leaves the attention alone."""
        ...
