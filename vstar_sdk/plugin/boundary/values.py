"""Checks of values that contracts share. No torch: whoever made a tensor has loaded it."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from vstar_sdk.plugin.boundary.calls import Call, ContractFault, article, described

Check = Callable[[Any, Call], Any]
"""Takes what came and the call, and gives what goes on; raises `Broken`."""


def ignored(value: Any, call: Call) -> None:
    """The check of a method that returns nothing; one that yields would do nothing either."""
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        raise ContractFault("is a generator; it must be a plain function")


Rule = Callable[[Any], bool]
"""Whether a field may hold a value."""

NUMBERS_HINT = "use dtype float32 or bfloat16, or weaker regularizers; or report it to the author of the plugin"


def instance(*kinds: type[Any], what: str = "") -> Check:
    """The check that a value is of some type; true and false are not numbers."""
    wanted = what or f"{article(kinds[0].__name__)} {' or '.join(kind.__name__ for kind in kinds)}"

    def check(value: Any, call: Call) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ContractFault(f"returned {described(value)}, not {wanted}")
        return value

    return check


def fields(value: Any, rules: Mapping[str, Rule]) -> None:
    """Check fields of an object, each by a rule.

    Raises:
        Broken: one does not keep its rule; what it holds is named by type alone, for it may be long.
    """
    for name, rule in rules.items():
        held = getattr(value, name)
        if not rule(held):
            shown = f"{held!r}" if isinstance(held, int | float) else described(held)
            raise ContractFault(f"returned a {type(value).__name__} whose {name} cannot be {shown}")


def text(value: Any) -> bool:
    """Text."""
    return isinstance(value, str)


def count(value: Any) -> bool:
    """A whole number from 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def amount(value: Any) -> bool:
    """A whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def all_of(kind: type[Any]) -> Rule:
    """A tuple of some type's values."""
    return lambda value: isinstance(value, tuple) and all(isinstance(item, kind) for item in cast(tuple[Any, ...], value))


def or_none(rule: Rule) -> Rule:
    """None, or what keeps another rule."""
    return lambda value: value is None or rule(value)


def tensor(value: Any) -> Any:
    """A tensor.

    Raises:
        Broken: it is none.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        raise ContractFault(f"returned {described(value)}, not a tensor")
    return value


def like(value: Any, other: Any, what: str) -> Any:
    """A tensor of the shape, type and device of another.

    Args:
        value: that came.
        other: that it should be like.
        what: the other, in the plural.

    Raises:
        Broken: it is none, or another.
    """
    came, wanted = (f"{tuple(held.shape)} {held.dtype} on {held.device}" for held in (tensor(value), other))
    if came != wanted:
        raise ContractFault(f"returned {came}, but the {what} are {wanted}")
    return value


def finite(value: Any, call: Call) -> Any:
    """A tensor of finite numbers.

    Raises:
        Broken: it is none.
    """
    if not tensor(value).is_floating_point():
        raise ContractFault(f"returned a tensor of {value.dtype}, not of floating-point numbers")
    if not value.isfinite().all():
        raise ContractFault("returned values that are not finite", NUMBERS_HINT)
    return value


def frame_fault(frame: Any, size: tuple[int, int] | None) -> str | None:
    """How a frame is none: ``(height, width, 3)``, uint8, of the size if one is known."""
    shape, dtype = getattr(frame, "shape", None), str(getattr(frame, "dtype", ""))
    wanted = (*size, 3) if size else None
    if shape is None or dtype != "uint8" or len(shape) != 3 or shape[2] != 3 or (wanted and tuple(shape) != wanted):
        came = f"{tuple(shape)} {dtype}" if shape is not None else described(frame)
        return f"{came}, but the clip's frames are {wanted or '(height, width, 3)'} uint8"
    return None


def read_only(frame: Any) -> Any:
    """A view of a frame that cannot be written to: exporters and metrics are given the same array, one after the other."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(frame, numpy.ndarray):
        return frame
    view = frame.view()
    view.flags.writeable = False
    return view


def of_annotation(written: Any) -> Check:
    """The check that a Protocol's annotation asks for; any value will do where it says nothing plain."""
    plain: dict[Any, Check] = {
        "Tensor": finite,
        "str": instance(str),
        "int": instance(int),
        "bool": instance(bool),
        "float": instance(int, float, what="a number"),
        "None": ignored,
    }
    return plain.get(written, lambda value, call: value)
