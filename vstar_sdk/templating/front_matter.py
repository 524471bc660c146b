"""The YAML at the head of a template."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from vstar_sdk.errors import SpecError, TemplateError
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.templating.inputs import GIVEN, Inputs, InputSchema, InputsSchema

_FENCE = "---"


class FrontMatter(BaseModel):
    """What a template says about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Its name, without a namespace."""
    version: int = Field(ge=1)
    """Raised whenever its words change."""
    summary: str = Field(default="", max_length=200)
    """One line for listings."""
    inputs: Inputs = InputsSchema(properties={"prompt": InputSchema()})
    """The variables that it uses: JSON Schema, or the names of given ones in a list."""

    @property
    def declared(self) -> frozenset[str]:
        """The variables that it says it uses."""
        return frozenset(self.inputs.properties)

    @property
    def withheld(self) -> frozenset[str]:
        """Variables with words of the user's, which the system block never sees."""
        return frozenset(
            name
            for name, schema in self.inputs.properties.items()
            if (GIVEN[name][0] == "string" if name in GIVEN else schema.holds_user_text)
        )


def split(text: str, path: Path) -> tuple[FrontMatter, str, yaml.Node]:
    """Take a template's text apart.

    Args:
        text: the whole file.
        path: the file, for messages.

    Returns:
        The front matter; the Jinja part, with empty lines in place of the front matter so that line numbers hold; and the tree
        of the front matter, which knows the places.

    Raises:
        TemplateError: there is no front matter, or something in it is wrong; with file and line.
    """
    lines = text.splitlines()
    fences = [number for number, line in enumerate(lines) if line.rstrip() == _FENCE][:2]
    if len(fences) < 2 or fences[0] != 0:
        raise TemplateError(
            f"{path}:1: no front matter",
            hint="begin the file with a line ---, then name:, version: and inputs:, then a line ---",
        )
    end = fences[1]
    try:
        written, root = read_yaml("\n".join(["", *lines[1:end]]), str(path))
    except SpecError as error:
        raise TemplateError(error.message, hint=error.hint) from None
    try:
        about = FrontMatter.model_validate(written)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        found.sort(key=lambda details: details["type"] != "extra_forbidden")  # a typing error is the cause of what is missing
        raise _wrong(found[0], root, path) from None
    assert root is not None  # noqa: S101  (no front matter without a name)
    return about, "\n" * (end + 1) + "\n".join(lines[end + 1 :]), root


def line_of(root: yaml.Node | None, path: tuple[str | int, ...]) -> int:
    """The line of the deepest part of a path that is written."""
    line = root.start_mark.line + 1 if root is not None else 1
    for item in path:
        if isinstance(root, yaml.MappingNode):
            pair = next((pair for pair in root.value if pair[0].value == str(item)), None)
            if pair is None:
                break
            line, root = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(root, yaml.SequenceNode):
            named = [node for node in root.value if isinstance(node, yaml.ScalarNode) and node.value == str(item)]
            line = named[0].start_mark.line + 1 if named else line
            break
        else:
            break
    return line


def _wrong(first: ErrorDetails, root: yaml.Node | None, path: Path) -> TemplateError:
    place = tuple(item for item in first["loc"] if item not in ("literal", "tuple") and "[" not in str(item))
    key = ".".join(str(item) for item in place) or "front matter"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = _keywords(place)
        near = difflib.get_close_matches(str(first["loc"][-1])[:80], known, 1)
        guess = f". Did you mean '{near[0]}'?" if near else f"; known are {', '.join(known)}"
        message = f"unknown key{guess}"
    return TemplateError(f"{path}:{line_of(root, place)}: front matter, {key}: {message}")


def _keywords(place: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand where an unknown one stands."""
    if len(place) <= 1:
        return list(FrontMatter.model_fields)
    model = InputsSchema if len(place) == 2 else InputSchema
    return [str(field.alias) for field in model.model_fields.values()]
