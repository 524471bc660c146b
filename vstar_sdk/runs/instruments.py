"""Which metrics a run has: those that its spec lists, and those that measure what it expects. No torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.metrics.contract import Metric
from vstar_sdk.options import Options
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Part
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.mentions import absent
from vstar_sdk.spec.numbers import full_names, measured_by, namespace_of, needs_options


@dataclass(frozen=True)
class Instrument:
    """A metric of a run.

    Attributes:
        options: of the part.
        metric: new, for this run alone.
        path: what asks for it in the spec.
    """

    options: Options
    metric: Metric
    path: SpecPath

    @property
    def use(self) -> str:
        """The name of the part."""
        return self.options.part

    @property
    def names(self) -> tuple[str, ...]:
        """What its numbers are called in the manifest."""
        return full_names(self.use, self.metric.numbers)


def metrics_of(loaded: LoadedSpec) -> list[Instrument]:
    """New metrics: those of the spec, then those that its ``expect`` needs besides, with their defaults.

    Raises:
        SpecError: two metrics measure the same, or none measures what is expected; with its path in the spec.
        PluginError: a metric of a plugin is broken.
    """
    spec = loaded.spec
    found: list[Instrument] = []
    owners: dict[str, str] = {}

    def add(options: Options, path: SpecPath) -> None:
        one = Instrument(options, loaded.catalog.make("metrics", options, path=path), path)
        for name in one.names:
            if name in owners:
                what = f"{one.use} measures {name}, which {owners[name]} already measures"
                raise SpecError(what, hint="remove one of them", path=path)
        owners.update(dict.fromkeys(one.names, one.use))
        found.append(one)

    for index, options in enumerate(spec.metrics):
        add(options, ("metrics", index))
    for number in spec.expect:
        if number not in owners:
            part = _measuring(loaded, number, owners)
            add(type(spec).model_validate({"metrics": [{"use": part.name}]}).metrics[0], ("expect", number))
    return found


def numbers_of(metrics: Iterable[Instrument]) -> list[str]:
    """The names of all numbers, in order."""
    return [name for one in metrics for name in one.names]


def _measuring(loaded: LoadedSpec, number: str, known: Iterable[str]) -> Part:
    """The metric that measures a number with its defaults.

    Args:
        loaded: a spec, whose catalog has it.
        number: its name, as in a manifest.
        known: numbers that are measured already, for the message.

    Raises:
        SpecError: there is none; the path is ``("expect", number)``.
        PluginError: a metric of the plugin that the name begins with is broken.
    """
    catalog, namespace, path = loaded.catalog, namespace_of(number), ("expect", number)
    if namespace and namespace not in catalog.namespaces:
        raise SpecError(absent(namespace, discovery.installed()), path=path)
    there = measured_by(catalog, namespace)
    if number in there:
        return there[number]
    names = sorted({*known, *there})
    if own := [name for name, part in there.items() if part.name == number]:
        raise SpecError(f"'{number}' is a metric, and measures {', '.join(own)}", hint="expect one of these", path=path)
    near = difflib.get_close_matches(number, names, 1)
    more = f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(names)}." if names else ""
    unsaid = [part.name for part in catalog.parts("metrics") if namespace_of(part.name) == namespace and needs_options(part)]
    hint = f"if {' or '.join(unsaid)} does, write it under metrics, with its options" if unsaid else None
    raise SpecError(f"no metric measures '{number}'.{more}", hint=hint, path=path)
