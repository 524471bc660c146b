"""Filling in a synopsis template: its inputs checked, the user's words kept out of the system message, within bounds."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vstar_sdk.errors import TemplateError
from vstar_sdk.templating.inputs import GIVEN, fault
from vstar_sdk.templating.sandbox import blocks, process
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Problem, Refusal
from vstar_sdk.templating.templates import Template


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A template filled in.

    Attributes:
        system: the system message, free of the user's words.
        user: the first user message.
    """

    system: str
    user: str


class InputError(TemplateError):
    """A value that a template's schema does not take.

    Args:
        message: what is wrong.
        name: the input.
        hint: the remedy.
    """

    def __init__(self, message: str, *, name: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.name = name


def render(template: Template, given: Mapping[str, Any], inputs: Mapping[str, Any] | None = None) -> Rendered:
    """Fill in both blocks of a template.

    A template that is not built in is filled in by a child process, which is bounded in time and memory.

    Args:
        template: the template.
        given: a value for every name in `GIVEN`.
        inputs: values for the template's own inputs.

    Raises:
        InputError: the template has no such input, misses one, or its schema does not take the value.
        TemplateError: a syntax error, a missing block, an undeclared or undefined variable, a forbidden operation, or too much
            time, memory or text; with file and line.
    """
    values = _values(template, given, inputs or {})
    names = names_of(template)
    system = {name: value for name, value in values.items() if name not in names.withheld}
    fill = blocks.fill if template.origin == "built in" else process.fill
    try:
        system_text, asked = fill(template.source, names, system, values)
    except Refusal as refusal:
        raise TemplateError(located(template, refusal.problem), hint=refusal.problem.hint) from None
    return Rendered(system=system_text, user=asked)


def names_of(template: Template) -> Names:
    """The variables of a template."""
    about = template.about
    return Names(declared=about.declared, withheld=about.withheld, given=frozenset(GIVEN))


def located(template: Template, problem: Problem) -> str:
    """``templates/mine.jinja:8: there is no filter 'shout'``."""
    where = f"{template.path}:{problem.line}" if problem.line else f"{template.path}"
    return f"{where}: {problem.message}"


def _values(template: Template, given: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the template is filled in with: what it declares, and nothing else."""
    schema = template.about.inputs
    own = [name for name in schema.properties if name not in GIVEN]
    for name in inputs:
        if name not in own:
            near = difflib.get_close_matches(name, own, 1)
            guess = f". Did you mean '{near[0]}'?" if near else f". It has {', '.join(own)}." if own else ""
            hint = f"'{name}' is set for every template from its own key of the spec" if name in GIVEN else None
            raise InputError(f"the template {template.name} has no input '{name}'{guess}", name=name, hint=hint)
    values: dict[str, Any] = {}
    for name, property_ in schema.properties.items():
        if name in GIVEN:
            values[name] = given[name]
            if name == "states" and given[name] is None:
                continue  # lets the model choose, within the schema or not
        elif name in inputs:
            values[name] = inputs[name]
        elif property_.has_default:
            values[name] = property_.default
        else:
            raise InputError(
                f"the template {template.name} needs the input '{name}'", name=name, hint=property_.description or None
            )
        if wrong := fault(property_, values[name]):
            raise InputError(f"the template {template.name}: {name} {wrong}", name=name)
    return values
