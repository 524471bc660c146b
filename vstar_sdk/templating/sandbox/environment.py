"""Jinja's sandbox with nothing in it but what `vstar_sdk.templating.sandbox.language` lets through: the second wall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from jinja2 import FunctionLoader, StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from vstar_sdk.templating.sandbox.bounds import bounded_length, bounded_number, bounded_range
from vstar_sdk.templating.sandbox.filters import FILTERS, TESTS, text

LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
"""Attributes of ``loop`` that may be read; there are no others of anything."""


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment without attributes, methods, loaders and globals, in which short expressions cannot make huge values."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic: for numbers, and ``+`` for two texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            bounded_length(len(left) + len(right))
            return left + right
        if operator == "**" or not all(isinstance(value, int | float) for value in (left, right)):
            raise SecurityError(f"the operator {operator} is for numbers only" if operator != "**" else "powers are not allowed")
        return bounded_number(self.binop_table[operator](left, right))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``loop.index`` and its like."""
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        raise SecurityError(f"the only supported attributes are those of loop: '{attribute}'")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Items by number."""
        if not isinstance(argument, int) or not isinstance(obj, str | list | tuple | range):
            raise SecurityError("only items of lists and texts can be read, by index")
        return cast(Sequence[Any], obj)[argument]

    def is_safe_callable(self, obj: Any) -> bool:
        """``range``, and nothing else."""
        return obj is bounded_range


class _Joined(NodeTransformer):
    """Writes ``a ~ b`` as ``[a, b] | join``, which is bounded."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  (the visitor's word)
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "join", [], [], None, None, lineno=node.lineno)


def environment() -> Sandbox:
    """A fresh environment."""
    made = Sandbox(
        undefined=StrictUndefined,
        autoescape=False,
        loader=FunctionLoader(lambda _: None),
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,
        finalize=text,
    )
    made.globals.clear()  # pyright: ignore[reportUnknownMemberType]
    made.globals["range"] = bounded_range  # pyright: ignore[reportUnknownMemberType]
    made.filters.clear()  # pyright: ignore[reportUnknownMemberType]
    made.filters.update(FILTERS)  # pyright: ignore[reportUnknownMemberType]
    made.tests.clear()  # pyright: ignore[reportUnknownMemberType]
    made.tests.update(TESTS)  # pyright: ignore[reportUnknownMemberType]
    return made


def bounded(tree: nodes.Template) -> nodes.Template:
    """The tree with its unbounded operators written in bounded ones."""
    return _Joined().visit(tree)
