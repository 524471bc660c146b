"""The attentions that a configuration promises, compared with those that a loaded network has."""

from __future__ import annotations

from torch import nn

from vstar_sdk.errors import ModelError
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.modules import modules_of


def attentions_within(network: nn.Module, outer: type[nn.Module], inner: type[nn.Module]) -> set[str]:
    """The names of all modules of a class inside modules of another one."""
    return {
        f"{name}.{within}"
        for name, module in modules_of(network)
        if isinstance(module, outer)
        for within, attention in modules_of(module)
        if isinstance(attention, inner)
    }


def check_sites(network: nn.Module, facts: Facts, found: set[str], where: object) -> None:
    """Refuse a network whose self-attentions over frames are not those that its configuration promises.

    Args:
        network: that was loaded.
        facts: with the sites that were read from the configuration.
        found: names of the attentions in the network's own modules.
        where: it was loaded from.

    Raises:
        ModelError: one is missing or too many.
    """
    promised = {site.name for site in facts.sites}
    if odd := promised ^ found:
        name = min(odd)
        has, lacks = ("modules", "configuration") if name in found else ("configuration", "modules")
        raise ModelError(
            f"{where}: the temporal attention {name} is in its {has} but not in its {lacks}",
            hint=f"this version of diffusers builds {type(network).__name__} differently: report it with both versions",
        )
