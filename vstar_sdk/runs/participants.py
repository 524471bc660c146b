"""Who took part in a run: the plugins, for the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.names import plain_names


def participants_record(loaded: LoadedSpec) -> list[dict[str, Any]]:
    """One record for each plugin: namespace, package and version, hooks that took part, their options, parts that were used.

    First those whose hooks took part, in their order; then those of which only parts were used.
    """
    data = loaded.spec.model_dump(mode="json")
    measuring = (one.use for one in metrics_of(loaded))
    used = sorted({*_uses(data), *(name for _, name in plain_names(data)), *measuring})
    taking = {plugin.namespace for plugin in loaded.participants}
    others = [
        plugin
        for name, plugin in sorted(loaded.catalog.plugins.items())
        if name not in taking and any(use.startswith(f"{name}/") for use in used)
    ]
    return [
        {
            "name": plugin.namespace,
            "distribution": plugin.distribution,
            "hooks": [hook for hook in plugin.hooks if plugin.namespace in taking and not hook.startswith("register_")],
            "parts": [use for use in used if use.startswith(f"{plugin.namespace}/")],
            **({"options": plugin.options.model_dump(mode="json", exclude={"use"})} if plugin.options is not None else {}),
        }
        for plugin in (*loaded.participants, *others)
    ]


def _uses(data: Any) -> Iterator[str]:
    """Every name in a spec that may be that of a plugin's part."""
    if isinstance(data, Mapping):
        for key, value in cast(Mapping[str, Any], data).items():
            if key in ("use", "template") and isinstance(value, str):
                yield value
            yield from _uses(value)
    elif isinstance(data, list):
        for item in cast(list[Any], data):
            yield from _uses(item)
