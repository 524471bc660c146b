"""The options of a plugin's hooks: what stands next to ``use`` in a spec's ``plugins``.

A plugin declares them by the attribute ``hook_options``, an option model; each of its hooks but ``register_*`` may then take the
argument ``options``, and is given them as the spec has them.
"""

from __future__ import annotations

import pluggy
from pydantic import ValidationError

from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.options import Options
from vstar_sdk.plugin import nested, specs
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.option_models import check_options

ATTRIBUTE = "hook_options"
"""The attribute of a plugin that names the option model."""

ARGUMENT = "options"
"""The argument of a hook that takes them."""

VERBS = ("resolve_", "transform_", "on_")
"""How the hooks begin that take part in runs."""


def add_specifications(manager: pluggy.PluginManager) -> None:
    """Give a manager the hook specifications, with the argument ``options`` where a hook takes part in runs."""
    manager.add_hookspecs(specs)
    for name in vars(specs):
        if name.startswith(VERBS):
            specification = getattr(manager.hook, name).spec
            specification.argnames = (*specification.argnames, ARGUMENT)


def check_declared(who: str, declared: object, takers: list[str]) -> type[Options] | None:
    """Refuse options that would reach no hook, and hooks that would be given none.

    Args:
        who: the plugin, for messages.
        declared: its attribute; None where it has none.
        takers: its hooks that take the argument.

    Returns:
        The option model, or None.

    Raises:
        PluginError: see above; or the option model is none that a spec can be checked with.
    """
    if declared is None:
        if takers:
            raise PluginError(
                f"{who}: {takers[0]} takes {ARGUMENT}, and the plugin declares none",
                hint=f"name the option model next to the hooks: {ATTRIBUTE} = AcmeOptions",
            )
        return None
    model = check_options(f"{who}: {ATTRIBUTE}", declared, Options, "plugin", KINDS)
    if nested.nested(model):
        raise PluginError(f"{who}: {ATTRIBUTE} holds parts, which are never made", hint="give the part to a part of the plugin")
    if not takers:
        raise PluginError(
            f"{who}: {ATTRIBUTE} reach no hook", hint=f"let a hook of a run take the argument {ARGUMENT}, or take {ATTRIBUTE} out"
        )
    return model


def defaults(who: str, model: type[Options]) -> Options:
    """The options of a plugin that a caller passed, and that no spec lists.

    Raises:
        SpecError: some must be written.
    """
    try:
        return model()
    except ValidationError as error:
        needed = ", ".join(sorted({str(wrong["loc"][0]) for wrong in error.errors() if wrong["loc"]}))
        raise SpecError(
            f"the plugin {who} has options that must be written: {needed}", hint="list it: plugins: [{use: NAME, ...}]"
        ) from None
