"""The JSON Schema of specs, for editors: completion, descriptions, and typing errors marked while they are typed."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.spec.composition import Composer
from vstar_sdk.spec.descriptions import descriptions
from vstar_sdk.spec.sweep_keys import SweepKeys

if TYPE_CHECKING:
    from pydantic_core.core_schema import ModelSchema, TupleSchema

    from vstar_sdk.plugin.catalog import Catalog

_log = logging.getLogger(__name__)

TITLE = "vstar spec"
"""Title of the schema, by which a file that holds it is known."""


def json_schema(*, core: bool = False, plugins: Collection[str] | None = None) -> dict[str, Any]:
    """The JSON Schema of specs, as ``vstar schema`` prints it: for editors, and to make a form of.

    Args:
        core: the built-in parts alone; else those of every installed plugin that is well, too.
        plugins: of the installed plugins these alone; None: all.

    Raises:
        PluginError: a plugin is quarantined, and ``VSTAR_PLUGINS_STRICT`` makes that an error.
    """
    catalog = discovery.built_in_catalog() if core else installed_catalog(_log.warning)
    if plugins is not None:
        known, catalog = catalog.known, discovery.built_in_catalog()
        for name in sorted({*plugins} & {*known}):
            catalog.add(known[name])
    return schema_of(catalog)


def schema_of(catalog: Catalog) -> dict[str, Any]:
    """The JSON Schema (draft 7, which every editor reads) of specs that use the parts of a catalog."""
    composer = Composer(catalog)
    run = composer.run_spec()
    whole = create_model("RunSpec", __base__=(composer.section(SweepKeys), run), __doc__=run.__doc__)
    schema = whole.model_json_schema(schema_generator=SpecSchema)
    definitions: dict[str, Any] = schema.pop("$defs")
    titles = Counter(definition.get("title") for definition in definitions.values())
    # A part's model is called by its name and kind, tar.regularizer; pydantic puts the path of the module before it.
    names = {
        long: own["title"] if titles[own.get("title")] == 1 and "title" in own else long for long, own in definitions.items()
    }
    readable = {names[long]: _renamed(own, names) for long, own in definitions.items()}
    head = {"$schema": SpecSchema.schema_dialect, **_renamed(schema, names), "title": TITLE}
    return {**head, "$defs": dict(sorted(readable.items()))}


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """A schema whose references go by other names."""
    if isinstance(schema, dict):
        return {key: _renamed(value, names) for key, value in cast(dict[str, Any], schema).items()}
    if isinstance(schema, list):
        return [_renamed(item, names) for item in cast(list[Any], schema)]
    if isinstance(schema, str) and schema.startswith(_REFERENCE):
        return _REFERENCE + names[schema.removeprefix(_REFERENCE)]
    return schema


_REFERENCE = "#/$defs/"


def to_text(schema: dict[str, Any]) -> str:
    """The schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class SpecSchema(GenerateJsonSchema):
    """What pydantic generates, in the words of draft 7, with the docstrings of fields as their descriptions."""

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def field_title_should_be_set(self, schema: object) -> bool:
        """Titles are given with the model, whose fields have names."""
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """A model, with titles and descriptions of its fields."""
        generated = super().model_schema(schema)
        known = descriptions(schema["cls"])
        for name, field in generated.get("properties", {}).items():
            if name in known:
                field.setdefault("description", known[name])
            if "$ref" not in field:
                field.setdefault("title", name.replace("_", " ").capitalize())
        return generated

    def tuple_schema(self, schema: TupleSchema) -> JsonSchemaValue:
        """``prefixItems`` is a word of a later draft."""
        generated = super().tuple_schema(schema)
        if "prefixItems" in generated:
            generated["items"] = generated.pop("prefixItems")
        return generated
