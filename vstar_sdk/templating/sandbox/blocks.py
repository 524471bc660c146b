"""Checking a template and filling in its two blocks. What comes in is text and plain values, what goes out too."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jinja2 import Template as Compiled
from jinja2 import TemplateError as JinjaError
from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError

from vstar_sdk.templating.sandbox import language
from vstar_sdk.templating.sandbox.bounds import LONGEST
from vstar_sdk.templating.sandbox.environment import bounded, environment
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Problem, Refusal

Values = Mapping[str, Any]
"""Variables by name: texts, numbers, truth values, None, and lists of them."""

_FAULTS = (JinjaError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


def check(source: str, names: Names) -> tuple[list[Problem], frozenset[str]]:
    """What is wrong with a template, and the variables that it reads.

    Args:
        source: its Jinja part.
        names: its variables.
    """
    try:
        tree = _parsed(source)
        found = language.problems(tree, names)
        used = language.used(tree)
        if not found:
            _compiled(tree)
        return found, used
    except Refusal as refusal:
        return [refusal.problem], frozenset()
    except RecursionError:
        return [_TOO_DEEP], frozenset()


def fill(source: str, names: Names, system: Values, user: Values) -> tuple[str, str]:
    """Both blocks as text.

    Args:
        source: the Jinja part of the template.
        names: its variables.
        system: values for the system block, without the user's words.
        user: values for the user block.

    Raises:
        Refusal: the template is wrong, or makes too much.
    """
    try:
        tree = _parsed(source)
        found = language.problems(tree, names)
    except RecursionError:
        raise Refusal(_TOO_DEEP) from None
    if found:
        raise Refusal(found[0])
    compiled = _compiled(tree)
    return _block(compiled, "system", system), _block(compiled, "user", user)


_TOO_DEEP = Problem(0, "it is nested too deeply")


def _parsed(source: str) -> nodes.Template:
    try:
        return environment().parse(source)
    except TemplateSyntaxError as error:
        raise Refusal(Problem(error.lineno, error.message or "syntax error")) from None
    except RecursionError:
        raise Refusal(_TOO_DEEP) from None
    except ValueError as error:  # of Python, about a number of thousands of digits
        raise Refusal(Problem(0, str(error))) from None


def _compiled(tree: nodes.Template) -> Compiled:
    try:
        return environment().from_string(bounded(tree))
    except TemplateSyntaxError as error:
        raise Refusal(Problem(error.lineno, error.message or "syntax error")) from None
    except (RecursionError, SyntaxError):  # Jinja's compiler gives up on one, Python's on the other
        raise Refusal(_TOO_DEEP) from None


def _block(compiled: Compiled, name: str, values: Values) -> str:
    """One block as text. Blocks are rendered one by one, so that each sees its own variables alone."""
    text = ""
    try:
        for piece in compiled.blocks[name](compiled.new_context(dict(values))):
            text += piece
            if len(text) > LONGEST:
                raise Refusal(Problem(0, f"the {name} block is longer than {LONGEST:,} characters"))
    except SecurityError as error:
        raise Refusal(Problem(_line(compiled, error.__traceback__), str(error))) from None
    except _FAULTS as error:
        reason = str(error) or type(error).__name__
        raise Refusal(Problem(_line(compiled, error.__traceback__), reason)) from None
    if not text.strip():
        raise Refusal(Problem(0, f"the {name} block is empty"))
    return text.strip()


def _line(compiled: Compiled, trace: TracebackType | None) -> int:
    """The template's line that an error came from; 0 when it came from the whole of a block."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == (compiled.filename or "<template>"):
            line = compiled.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
