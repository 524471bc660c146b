"""The numbers that the metrics of a catalog measure, by the names that they have in a manifest and in ``expect``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vstar_sdk.errors import VstarError
from vstar_sdk.spec.expectations import schema

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from vstar_sdk.plugin.catalog import Catalog, Part

_log = logging.getLogger(__name__)


def full_names(use: str, numbers: Iterable[str]) -> tuple[str, ...]:
    """What the numbers of a metric are called: those of a plugin's metric begin with its namespace, as its name does.

    Args:
        use: the metric's name.
        numbers: its own names of them.
    """
    namespace, slash, _ = use.rpartition("/")
    return tuple(f"{namespace}{slash}{number}" for number in numbers)


def namespace_of(name: str) -> str:
    """The namespace of a part or a number; empty for the package's own."""
    return name.rpartition("/")[0]


def measured_by(catalog: Catalog, namespace: str) -> dict[str, Part]:
    """The numbers of the metrics in a namespace, each with the part that measures it with its defaults.

    A metric with an option that must be written is left out: nobody knows what it would measure.

    Args:
        catalog: of the parts.
        namespace: of a plugin; empty for the package's own metrics.

    Raises:
        PluginError: a metric of the plugin is broken.
        MissingDependency: a metric needs a package that is not installed.
    """
    found: dict[str, Part] = {}
    for part in catalog.parts("metrics"):
        if namespace_of(part.name) == namespace and not needs_options(part):
            for name in full_names(part.name, catalog.make("metrics", part.name).numbers):
                found.setdefault(name, part)
    return found


def needs_options(part: Part) -> bool:
    """Whether a part has an option that must be written."""
    return any(field.is_required() for field in part.options.model_fields.values())


class Known:
    """Stands in the annotation of ``expect``: its JSON Schema names the numbers that the metrics of a catalog measure.

    Args:
        catalog: of the parts.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Called by pydantic when a schema is asked for."""
        named: dict[str, str] = {}
        for namespace in dict.fromkeys(namespace_of(part.name) for part in self._catalog.parts("metrics")):
            try:
                named |= {name: part.summary for name, part in measured_by(self._catalog, namespace).items()}
            except VstarError as error:
                _log.warning("the numbers of %s are not in the schema: %s", namespace, error.message)
        return schema(named)
