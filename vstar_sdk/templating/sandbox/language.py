"""The part of Jinja that templates are written in, checked before anything runs.

Blocks ``system`` and ``user``, ``if``, ``for``, ``set``, comparisons, arithmetic, a few filters and tests, ``range``, ``loop``.
What is not on the lists below is refused: attributes, methods, macros, includes, imports, whatever a later Jinja may bring.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from jinja2 import nodes

from vstar_sdk.templating.sandbox.bounds import LARGEST_NUMBER
from vstar_sdk.templating.sandbox.environment import LOOP
from vstar_sdk.templating.sandbox.filters import FILTERS, TESTS
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Problem

BLOCKS = ("system", "user")
"""The two parts of every template."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Block, nodes.If, nodes.For, nodes.Assign),
    *(nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Slice, nodes.Keyword, nodes.Operand, nodes.Compare),
    *(nodes.CondExpr, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
    *(nodes.Filter, nodes.Test, nodes.Call, nodes.Getattr, nodes.Getitem),
)

_WORDS: dict[str, str] = {
    "Pow": "powers",
    "Macro": "macros",
    "CallBlock": "call blocks",
    "Include": "includes",
    "Import": "imports",
    "FromImport": "imports",
    "Extends": "extends",
    "FilterBlock": "filter blocks",
    "AssignBlock": "set blocks",
    "With": "with blocks",
    "Dict": "mappings",
    "NSRef": "namespaces",
    "ScopedEvalContextModifier": "autoescape blocks",
}

_ALWAYS = frozenset({"loop", "range"})


def problems(tree: nodes.Template, names: Names) -> list[Problem]:
    """Everything in a template that its language does not have, in the order of its lines.

    Args:
        tree: the parsed template.
        names: its variables.
    """
    found = [*_structure(tree), *_constructs(tree), *_variables(tree, names)]
    return sorted(dict.fromkeys(found), key=lambda problem: problem.line)


def _structure(tree: nodes.Template) -> Iterator[Problem]:
    """Two blocks, and nothing outside of them."""
    blocks = [node for node in tree.body if isinstance(node, nodes.Block)]
    for name in BLOCKS:
        if name not in [block.name for block in blocks]:
            remedy = f"write {{% block {name} %}} ... {{% endblock %}}: system instructs, user holds the prompt"
            yield Problem(0, f"it has no block '{name}'", remedy)
    for block in tree.find_all(nodes.Block):
        if block.name not in BLOCKS or block not in blocks:
            yield Problem(
                block.lineno,
                f"a block '{block.name}' is not allowed here: a template has the blocks system and user, in this order",
            )
        elif block.required:
            yield Problem(block.lineno, "required blocks are not supported")
    for node in tree.body:
        line = _lost(node)
        if line is not None:
            yield Problem(line, "text outside of the blocks is ignored")


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


def _constructs(tree: nodes.Template) -> Iterator[Problem]:
    for node in tree.find_all(nodes.Node):
        message = _refused(node)
        if message is not None:
            yield Problem(node.lineno, *message)


def _refused(node: nodes.Node) -> tuple[str, str | None] | None:
    """Why a node is not of the language, and the remedy; None when it is."""
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__
        return f"templates do not support {_WORDS.get(kind, f'{kind} expressions')}", None
    if isinstance(node, nodes.Const) and isinstance(node.value, int | float) and abs(node.value) > LARGEST_NUMBER:
        return "a number beyond 10**15", None
    if isinstance(node, nodes.For) and node.recursive:
        return "recursive loops are not supported", None
    if isinstance(node, nodes.Filter):
        return _unknown("filter", node.name, FILTERS) or _spread(node)
    if isinstance(node, nodes.Test):
        return _unknown("test", node.name, TESTS) or _spread(node)
    if isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Name) and node.node.name == "range" and not node.kwargs:
            return _spread(node)
        return "the only supported call is range(...)", "use a filter: {{ text | upper }}"
    if isinstance(node, nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in LOOP:
            return None
        return f"the only supported attributes are those of loop: '{node.attr}'", f"loop has {', '.join(sorted(LOOP))}"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and not isinstance(node.arg.value, int):
        return "use a number to read an item", None
    return None


def _unknown(what: str, name: str | None, known: Iterable[str]) -> tuple[str, str | None] | None:
    known = sorted(known)
    if name in known:
        return None
    near = difflib.get_close_matches(str(name), known, 1)
    guess = f". Did you mean '{near[0]}'?" if near else ""
    return f"there is no {what} '{name}'{guess}", f"{what}s: {', '.join(known)}"


def _spread(node: nodes.Filter | nodes.Test | nodes.Call) -> tuple[str, str | None] | None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        return "* and ** are not supported in arguments", None
    return None


def _variables(tree: nodes.Template, names: Names) -> Iterator[Problem]:
    """Variables that nobody declared, those that are written over, and the user's words in the system block."""
    uses = list(tree.find_all(nodes.Name))
    own = {name.name for name in uses if name.ctx != "load"}
    for name in uses:
        if name.ctx != "load":
            if name.name in names.declared | names.given | _ALWAYS:
                yield Problem(name.lineno, f"'{name.name}' is a template variable: use another name")
        elif name.name not in names.declared | own | _ALWAYS:
            yield _undeclared(name, names)
    system = (node for node in tree.find_all(nodes.Block) if node.name == "system")
    for name in (name for block in system for name in block.find_all(nodes.Name)):
        if name.ctx == "load" and name.name in names.withheld:
            message = f"'{name.name}' is user text, which is not allowed in the system block: use it in the user block"
            yield Problem(name.lineno, message)


def _undeclared(name: nodes.Name, names: Names) -> Problem:
    if name.name in names.given:
        message = f"'{name.name}' is not among the inputs of the front matter"
        return Problem(name.lineno, message, f"add it there: inputs: [{', '.join(sorted({*names.declared, name.name}))}]")
    known = sorted(names.declared | names.given)
    near = difflib.get_close_matches(name.name, known, 1)
    guess = f". Did you mean '{near[0]}'?" if near else ""
    hint = f"declare it under inputs, or use one of: {', '.join(sorted(names.given))}"
    return Problem(name.lineno, f"there is no variable '{name.name}'{guess}", hint)


def used(tree: nodes.Template) -> frozenset[str]:
    """Every variable that is read."""
    return frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx == "load")
