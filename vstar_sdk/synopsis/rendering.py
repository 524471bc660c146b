"""Filling in a synopsis template, in Jinja's sandbox and within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2 import Template as Compiled
from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vstar_sdk.errors import TemplateError
from vstar_sdk.synopsis.templates import INPUTS, Template

LONGEST = 20_000
"""Characters of the longest part that is rendered."""

LONGEST_RANGE = 1000
"""Steps of the longest ``range`` in a template."""

USER_TEXT = frozenset({"prompt", "style"})
"""Variables that hold the user's words: the system block never sees them."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A template filled in.

    Attributes:
        system: the system message, free of the user's words.
        user: the first user message.
    """

    system: str
    user: str


def render(template: Template, values: Mapping[str, str | int | float | None]) -> Rendered:
    """Fill in both blocks of a template.

    Args:
        template: the template.
        values: a value for every name in `INPUTS`.

    Raises:
        TemplateError: a syntax error, a missing block, an undeclared or undefined variable, a forbidden operation, or a part
            of more than `LONGEST` characters; with the template's name and line.
    """
    environment = _environment()
    try:
        tree = environment.parse(template.source)
        _check(template, tree)
        compiled = environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateError(f"template {template.name}, line {error.lineno}: {error.message}") from None
    except (RecursionError, SyntaxError):  # Jinja's parser gives up on one, Python's on the other
        raise TemplateError(f"template {template.name} is nested too deeply") from None
    numbers = {name: value for name, value in values.items() if name not in USER_TEXT}
    return Rendered(
        system=_block(template, compiled, "system", numbers),
        user=_block(template, compiled, "user", dict(values)),
    )


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which short expressions cannot make huge values."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(value, int | float) for value in (left, right)):
            raise SecurityError(f"the operator {operator} is for numbers only" if operator == "*" else "powers are not allowed")
        return left * right


def _environment() -> _Sandbox:
    environment = _Sandbox(
        undefined=StrictUndefined, autoescape=False, loader=FunctionLoader(lambda _: None), trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()  # pyright: ignore[reportUnknownMemberType]
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return environment


def _range(*bounds: int) -> range:
    steps = range(*bounds)
    if len(steps) > LONGEST_RANGE:
        raise SecurityError(f"a range of {len(steps)} steps; at most {LONGEST_RANGE} are allowed")
    return steps


def _check(template: Template, tree: nodes.Template) -> None:
    """Find what rendering would overlook: text outside of the blocks, and variables in branches not taken."""
    where = f"template {template.name}"
    blocks = {block.name for block in tree.find_all(nodes.Block)}
    for name in ("system", "user"):
        if name not in blocks:
            raise TemplateError(
                f"{where}: it has no block '{name}'",
                hint=f"write {{% block {name} %}} ... {{% endblock %}}: system instructs, user holds the prompt",
            )
    for node in tree.body:
        lost = _lost(node)
        if lost is not None:
            raise TemplateError(f"{where}, line {lost}: this stands outside of the blocks and would be lost")
    for variable in tree.find_all(nodes.Name):
        if variable.ctx == "load" and variable.name in INPUTS and variable.name not in template.about.inputs:
            raise TemplateError(
                f"{where}, line {variable.lineno}: '{variable.name}' is not among the inputs of the front matter",
                hint=f"add it there: inputs: [{', '.join((*template.about.inputs, variable.name))}]",
            )


def _lost(node: nodes.Node) -> int | None:
    """The line of the first thing at the template's top level that is neither a block nor blank."""
    if isinstance(node, nodes.Block):
        return None
    if not isinstance(node, nodes.Output):
        return node.lineno
    for item in node.nodes:
        if not isinstance(item, nodes.TemplateData):
            return item.lineno
        if item.data.strip():
            return item.lineno + item.data[: -len(item.data.lstrip())].count("\n")
    return None


def _block(template: Template, compiled: Compiled, name: str, values: dict[str, Any]) -> str:
    """One block as text. Blocks are rendered one by one, so that each sees its own variables alone."""
    text = ""
    try:
        for piece in compiled.blocks[name](compiled.new_context({**values, "range": _range})):
            text += piece
            if len(text) > LONGEST:
                raise SecurityError(f"the {name} block is longer than {LONGEST:,} characters")
    except (JinjaError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        line = _line(compiled, error.__traceback__)
        where = f"template {template.name}, line {line}" if line else f"template {template.name}"
        raise TemplateError(f"{where}: {_reason(error, name)}", hint=_hint(error)) from None
    return text.strip()


def _reason(error: Exception, block: str) -> str:
    message = str(error) or type(error).__name__
    withheld = next((variable for variable in USER_TEXT if message == f"'{variable}' is undefined"), None)
    if withheld and block == "system":
        return f"'{withheld}' is the user's text, and the system block is not given any: use it in the user block"
    return message


def _hint(error: Exception) -> str | None:
    return f"templates are given {', '.join(INPUTS)}" if isinstance(error, UndefinedError) else None


def _line(compiled: Compiled, trace: TracebackType | None) -> int:
    """The template's line that an error came from; 0 when it came from the whole of a block."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == (compiled.filename or "<template>"):
            line = compiled.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
