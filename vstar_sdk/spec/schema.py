"""The JSON Schema of specs, for editors: completion, descriptions, and typing errors marked while they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from vstar_sdk.spec.composition import Composer
from vstar_sdk.spec.descriptions import descriptions

if TYPE_CHECKING:
    from pydantic_core.core_schema import ModelSchema, TupleSchema

    from vstar_sdk.plugin.catalog import Catalog

TITLE = "vstar spec"
"""Title of the schema, by which a file that holds it is known."""


def json_schema(catalog: Catalog) -> dict[str, Any]:
    """The JSON Schema (draft 7, which every editor reads) of specs that use the parts of a catalog."""
    schema = Composer(catalog).run_spec().model_json_schema(schema_generator=SpecSchema)
    definitions = schema.pop("$defs")
    return {"$schema": SpecSchema.schema_dialect, **schema, "title": TITLE, "$defs": dict(sorted(definitions.items()))}


def to_text(schema: dict[str, Any]) -> str:
    """The schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class SpecSchema(GenerateJsonSchema):
    """What pydantic generates, in the words of draft 7, with the docstrings of fields as their descriptions."""

    schema_dialect = "http://json-schema.org/draft-07/schema#"

    def field_title_should_be_set(self, schema: object) -> bool:
        """No titles that only repeat the key."""
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """A model, with the descriptions of its fields."""
        generated = super().model_schema(schema)
        known = descriptions(schema["cls"])
        for name, field in generated.get("properties", {}).items():
            if name in known:
                field.setdefault("description", known[name])
        return generated

    def tuple_schema(self, schema: TupleSchema) -> JsonSchemaValue:
        """``prefixItems`` is a word of a later draft."""
        generated = super().tuple_schema(schema)
        if "prefixItems" in generated:
            generated["items"] = generated.pop("prefixItems")
        return generated
