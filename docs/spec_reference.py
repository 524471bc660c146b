"""The page on every key of a spec and every option of a built-in part, from the JSON Schema of specs."""

from __future__ import annotations

import json
import re
from typing import Any

from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.spec.schema import schema_of
from vstar_sdk.spec.sweep_keys import EXECUTOR

Schema = dict[str, Any]

HEAD = """\
# Spec reference

*Written from the code by `python -m docs.references`.*

Every key of a spec, and every option of the built-in parts. `vstar schema` prints the same as JSON Schema, with the parts of your
plugins; `vstar parts` lists the parts. A spec has no other keys: an unknown one is an error.

A part is a mapping: `use: NAME`, and its options next to it. A name alone is the part with its defaults:
`model: miniworld`, `regularizers: [tar]`, `output: [mp4, gif]`.
"""


ALONE = {"llm_backends": "backend` inside another part, such as `synopsis.backend", "executors": EXECUTOR}
"""Where parts of a kind stand that has no place in the spec of a run."""


VALUES = {
    "StateOptions": "A key state",
    "Course": "A course",
    "LoraOptions": "A LoRA",
    "TransformerLoraOptions": "A LoRA of a transformer",
    "FirstBlockCache": "A cache of the first block",
    "TaylorSeerCache": "TaylorSeer",
    "MagCache": "MagCache",
    "Profile": "A profile",
}
"""Models of values, and the title under which the page has them."""


def page() -> str:
    """The whole page, as Markdown."""
    catalog = built_in_catalog()
    schema = schema_of(catalog)
    definitions: dict[str, Schema] = schema["$defs"]
    lines = [HEAD, "## Keys of a spec\n", *_table(schema)]
    for key, name in (("start", "StartSpec"), ("sampling", "SamplingSpec")):
        lines += [f"### `{key}`\n", definitions[name]["description"] + "\n", *_table(definitions[name])]
    for kind in KINDS.values():
        place = f"`{kind.place or ALONE[kind.name]}`"
        lines += [f"## {kind.word[0].upper()}{kind.word[1:]}: {place}\n"]
        for part in catalog.parts(kind.name):
            definition = definitions[f"{part.name}.{kind.word.replace(' ', '-')}"]
            lines += [f"### `{part.name}`: {kind.word}\n", _text(part.summary) + "\n", *_table(definition)]
    lines += ["## Values\n"]
    for name, title in VALUES.items():
        lines += [f"### {title}\n", _text(definitions[name]["description"]) + "\n", *_table(definitions[name])]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(schema: Schema) -> list[str]:
    fields = {name: field for name, field in schema["properties"].items() if name != "use"}
    if not fields:
        return ["No options.\n"]
    needed = schema.get("required", ())
    rows = [
        f"| `{name}` | {_values(field)} | {_default(name, field, needed)} | {_text(field['description'])} |"
        for name, field in fields.items()
    ]
    return ["| key | values | default | |", "|---|---|---|---|", *rows, ""]


def _default(name: str, field: Schema, needed: Any) -> str:
    if name in needed:
        return "*required*"
    value = field.get("default")
    return "" if value is None else f"`{json.dumps(value)}`"


def _text(text: str) -> str:
    """A description in one cell of a table."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def _values(field: Schema) -> str:
    """The values that a field takes, in words."""
    return ", ".join(dict.fromkeys(_forms(field)))


def _forms(field: Schema) -> list[str]:
    if "else" in field:  # a part, or something short in its place
        return ["a part", *(form for short in field["else"]["anyOf"] if "enum" not in short for form in _forms(short))]
    if "discriminator" in field:
        return ["a part"]
    for union in ("anyOf", "oneOf"):
        if union in field:
            return [form for choice in field[union] for form in _forms(choice)]
    if "$ref" in field:
        return [NAMED[field["$ref"].rpartition("/")[2]]]
    if "const" in field or "enum" in field:
        return [f"`{json.dumps(value).strip(chr(34))}`" for value in field.get("enum", [field.get("const")])]
    return _of_type(field)


NAMED = {
    "StartSpec": "a mapping, see [below](#start)",
    "SamplingSpec": "a mapping, see [below](#sampling)",
    "Course": "[a course](#a-course)",
    "StateOptions": "[a key state](#a-key-state)",
    "LoraOptions": "[a LoRA](#a-lora)",
    "TransformerLoraOptions": "[a LoRA](#a-lora-of-a-transformer)",
    "FirstBlockCache": "[a cache of the first block](#a-cache-of-the-first-block)",
    "TaylorSeerCache": "[TaylorSeer](#taylorseer)",
    "MagCache": "[MagCache](#magcache)",
    "Profile": "[a profile](#a-profile)",
}


def _of_type(field: Schema) -> list[str]:
    kind = field.get("type")
    if kind == "null":
        return []
    if not field:
        return ["any value"]
    if kind == ["array", "object"]:
        return _of_type({**field, "type": "array"}) + _of_type({**field, "type": "object"})
    if kind == "array":
        items = field["items"]
        if isinstance(items, list):
            return ["[" + ", ".join(_values(item) for item in items) + "]"]
        return [f"list of: {_values(items)}"]
    if kind == "object":
        patterns: Schema = field.get("patternProperties", {})
        values = next(iter(patterns.values()), field.get("additionalProperties"))
        return [f"mapping to: {_values(values)}" if isinstance(values, dict) else "mapping"]
    if kind == "string":
        return _texts(field)
    if kind == "boolean":
        return ["`true`", "`false`"]
    return [{"integer": "whole number", "number": "number"}[str(kind)] + _range(field)]


def _texts(field: Schema) -> list[str]:
    pattern = field.get("pattern", "")
    if choices := re.fullmatch(r"\^\(([a-z0-9|]+)\)\$", pattern):
        return [f"`{choice}`" for choice in choices[1].split("|")]
    for mark, form in (("<=|>=", "`>= 0.9`"), ("(s|%", "`2.5s`, `40%`"), ("s\\s*$", "`8s`"), ("x\\s*", "`512x320`")):
        if mark in pattern:
            return [form]
    return ["text"]


def _range(field: Schema) -> str:
    low = field.get("minimum", field.get("ge"))
    high = field.get("maximum", field.get("le"))
    above, below = field.get("exclusiveMinimum", field.get("gt")), field.get("exclusiveMaximum")
    words = [
        f"{word} {_number(bound)}"
        for word, bound in (("from", low), ("above", above), ("to", high), ("below", below))
        if bound is not None
    ]
    return "" if not words else " " + " ".join(words)


def _number(bound: float) -> str:
    if bound >= 2**62:
        return f"2^{round(bound).bit_length() - 1}"
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,.10g}"
