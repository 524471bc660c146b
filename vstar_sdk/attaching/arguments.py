"""What attach is given, read as the parts of a spec that it is: the same names, the same checks, the same messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from vstar_sdk.attaching.captions import Bringing
from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options, RegularizerOptions
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.families import Families
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.regularizers.contract import Regularizer
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.run_spec import DEFAULT_REGULARIZERS
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.synopsis.states import to_options
from vstar_sdk.texts.contract import Text
from vstar_sdk.timeline import Interpolation

_log = logging.getLogger(__name__)

Written = Synopsis | Sequence[str | State | Mapping[str, Any]]
"""Key states: a synopsis, or a list of captions, states, and mappings of ``caption`` and ``at``."""


def read(
    regularizers: Sequence[Regularizer | Options | Mapping[str, Any] | str] | None,
    synopsis: Written | None,
    interpolation: Interpolation,
    timeline: str | Mapping[str, Any] | Text | None,
    fps: float,
    plugins: Iterable[object],
    *,
    joint: Callable[[Families], bool] = lambda _: False,
) -> tuple[tuple[Regularizer, ...], Synopsis | None, Bringing, Families]:
    """Validate the arguments of `vstar_sdk.attach`, whose docstring says what they are, and find the families that are known.

    Options that are left out are those for joint models, where ``joint`` says that it is for one; it is given the families.

    Raises:
        SpecError: one is wrong.
        PluginError: a plugin that one names is broken.
    """
    given = _listed("regularizers", DEFAULT_REGULARIZERS if regularizers is None else regularizers)
    # What is not a mapping keeps its place by one that is always valid, so that messages count from the caller's first.
    given = [{"use": one} if isinstance(one, str) else one for one in given]
    written = [dict(one) if _is_mapping(one) else {"use": "identity"} for one in given]
    states = None if synopsis is None else _states(synopsis)
    text = {"use": timeline} if isinstance(timeline, str) else dict(timeline) if _is_mapping(timeline) else {}
    loaded = load_spec(
        {
            "prompt": "attach",
            "fps": fps,
            "timeline": {"interpolation": interpolation} | text,
            "synopsis": states or {"use": "states", "states": ["attach"]},
            "regularizers": written,
        },
        plugins=plugins,
    )
    families = _families(loaded.catalog)
    for_joint = joint(families)
    chosen: list[Regularizer] = []
    for index, (one, options) in enumerate(zip(given, loaded.spec.regularizers, strict=True)):
        path = ("regularizers", index)
        try:
            if isinstance(one, Mapping | Options):
                meant = options if isinstance(one, Mapping) else one
                if isinstance(meant, RegularizerOptions):
                    meant = _resolved(meant.for_joint() if for_joint else meant, index)
                chosen.append(loaded.catalog.make("regularizers", meant, path=path))
            elif how := KINDS["regularizers"].promises.missing(one):
                hint = "give a mapping such as {'use': 'tar'}, or an object"
                raise SpecError(f"regularizers[{index}]: {how}", hint=hint, path=path)
            else:
                chosen.append(loaded.catalog.contain("regularizers", one, path))
        except SpecError as error:
            raise error if error.path else SpecError(f"regularizers[{index}]: {error.message}", hint=error.hint) from None
    bringing = _bringing(loaded, timeline)
    if states is None:
        return tuple(chosen), None, bringing, families
    writer = loaded.catalog.make("synopses", loaded.spec.synopsis)
    return tuple(chosen), writer.write(Brief(prompt="", frames=0, fps=fps)), bringing, families


def _resolved(options: RegularizerOptions, index: int) -> RegularizerOptions:
    """The options with the files that they name read."""
    try:
        return options.resolved()
    except SpecError as error:
        raise error.under("regularizers", index) from None


def _bringing(loaded: LoadedSpec, timeline: object) -> Bringing:
    """The text part: the spec's, or an object that was passed."""
    options = loaded.spec.timeline
    if timeline is None or isinstance(timeline, str) or _is_mapping(timeline):
        part = loaded.catalog.make("texts", options, path=("timeline",))
        return Bringing(part, options.part, options.interpolation)
    if how := KINDS["texts"].promises.missing(timeline):
        raise SpecError(f"timeline: {how}", hint="give a mapping such as {'use': 'relay'}, or an object", path=("timeline",))
    part = loaded.catalog.contain("texts", timeline, ("timeline",))
    return Bringing(part, type(timeline).__name__, options.interpolation)


def _families(catalog: Catalog) -> Families:
    """The families that the package and the passed plugins bring, and those of every installed plugin that is well."""
    families = Families()
    families.update(installed_catalog(_log.warning).families.all())
    families.update(catalog.families.all())
    return families


def _states(synopsis: Written) -> dict[str, Any]:
    """Any form of a synopsis as the options of the part ``states``."""
    if isinstance(synopsis, Synopsis):
        return to_options(synopsis)
    states = [
        one if not isinstance(one, State) else {"caption": one.caption, "at": one.at} for one in _listed("synopsis", synopsis)
    ]
    return {"use": "states", "states": states}


def _is_mapping(one: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(one, Mapping)


def _listed(name: str, value: Any) -> list[Any]:
    if isinstance(value, str) or _is_mapping(value) or not hasattr(value, "__iter__"):
        raise SpecError(f"{name}: must be a list, not a {type(value).__name__}", hint=f"write {name}=[...]")
    return list(value)
