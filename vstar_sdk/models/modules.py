"""The modules of a network by name; torch leaves their type open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import nn


def modules_of(network: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    """``network.named_modules()``, typed."""
    return cast(Iterable[tuple[str, nn.Module]], network.named_modules())
