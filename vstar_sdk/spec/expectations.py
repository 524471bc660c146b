"""What is expected of a finished clip: ``expect: {order: ">= 0.9", frozen: false}`` in a spec, ``flicker<0.1`` in a shell."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from vstar_sdk.errors import SpecError

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NAME = r"(?:[a-z0-9][a-z0-9+-]*/)?[a-z][a-z0-9_]{0,63}"
_BOUND = r"(<=|>=|<|>)\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"
_LONGEST, MOST = 200, 64
"""Letters of the longest text, and keys of the largest mapping."""

_plain = _BOUND.replace("(<=", "(?:<=").replace("([-+]?(", "(?:[-+]?(")
BOUNDS = rf"^\s*{_plain}\s*(,\s*{_plain}\s*)*$"
"""What a text in a spec looks like: one bound, or several."""


@dataclass(frozen=True)
class Expectation:
    """What a number should be: ``flicker < 0.1``, or ``frozen is false``.

    Attributes:
        number: its name, as in the manifest.
        relation: one of ``<``, ``<=``, ``>``, ``>=`` and ``is``.
        bound: what it is compared with. After ``is`` 0 is false, none of it; 1 is true, more than none.
    """

    number: str
    relation: str
    bound: float

    @classmethod
    def read(cls, text: str) -> Self:
        """Read it from a text: ``flicker<0.1``, ``frozen is false``.

        Raises:
            SpecError: it is none.
        """
        if found := re.fullmatch(rf"\s*({_NAME})\s+is\s+(true|false)\s*", text):
            return cls(found[1], "is", float(found[2] == "true"))
        found = re.fullmatch(rf"\s*({_NAME})\s*{_BOUND}\s*", text)
        if found is None or not _finite(found[3]):
            raise SpecError(
                f"cannot read '{text}'",
                hint="write a name, <, <=, > or >=, and a number: 'flicker<0.1'; or 'frozen is false'",
            )
        return cls(found[1], found[2], float(found[3]))

    @classmethod
    def of(cls, number: str, value: bool | str) -> list[Self]:
        """What a key of a spec's ``expect`` means.

        Args:
            number: the key.
            value: beside it, validated.
        """
        if isinstance(value, bool):
            return [cls(number, "is", float(value))]
        return [cls(number, relation, float(bound)) for relation, bound in re.findall(_BOUND, value)]

    @property
    def value(self) -> bool | str:
        """As it stands beside the key in a spec."""
        return bool(self.bound) if self.relation == "is" else f"{self.relation} {self.bound!r}"

    def kept(self, number: float) -> bool:
        """Whether the number is as expected."""
        if self.relation == "is":
            return (number > 0) == bool(self.bound)
        return _RELATIONS[self.relation](number, self.bound)

    def __str__(self) -> str:
        bound = str(bool(self.bound)).lower() if self.relation == "is" else f"{self.bound:g}"
        return f"{self.number} {self.relation} {bound}"


@dataclass(frozen=True)
class Verdict:
    """An expectation, and what came of it.

    Attributes:
        expectation: what was expected.
        measured: the number.
    """

    expectation: Expectation
    measured: float

    @property
    def kept(self) -> bool:
        """Whether the number is as expected."""
        return self.expectation.kept(self.measured)

    def json(self) -> dict[str, Any]:
        """As JSON data: ``name`` of the number, ``measured``, ``expect`` and ``kept``."""
        one = self.expectation
        return {"name": one.number, "measured": self.measured, "expect": str(one), "kept": self.kept}


def complaint(verdicts: Iterable[Mapping[str, Any]]) -> str | None:
    """What is not as expected, in a sentence; None where all is.

    Args:
        verdicts: see `Verdict.json`.
    """
    broken = [one for one in verdicts if not one["kept"]]
    said = ", ".join(f"{one['expect']} was expected, and {one['name']} is {one['measured']:.4g}" for one in broken)
    return f"the video is not as expected: {said}" if broken else None


def expectations(written: Mapping[str, bool | str]) -> list[Expectation]:
    """Everything that a spec's ``expect`` means, in its order."""
    return [one for number, value in written.items() for one in Expectation.of(number, value)]


def written(expected: Iterable[Expectation]) -> dict[str, bool | str]:
    """A spec's ``expect`` that means these; of a number that is expected to be true or false, the last word counts."""
    data: dict[str, bool | str] = {}
    for one in expected:
        value, before = one.value, data.get(one.number)
        data[one.number] = f"{before}, {value}" if isinstance(value, str) and isinstance(before, str) else value
    return data


def _finite(text: str) -> bool:
    return abs(float(text)) != float("inf")


def _key(name: str) -> str:
    if re.fullmatch(_NAME, name) is None:
        message = "is no name of a number: lower case letters, digits and _; that of a plugin begins with its namespace"
        raise PydanticCustomError("expect_name", "{message}", {"message": message})
    return name


def _value(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and _readable(value)):
        return value
    raise ValueError("must be true, false, or a bound in quotes, such as '>= 0.9' or '> 0.1, < 0.5'")


def _readable(text: str) -> bool:
    right = len(text) <= _LONGEST and re.match(BOUNDS, text) is not None
    return right and all(_finite(bound) for _, bound in re.findall(_BOUND, text))


_VALUE: dict[str, Any] = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": BOUNDS, "maxLength": _LONGEST}],
    "examples": [">= 0.9", "> 0.1, < 0.5", False],
}


def schema(named: Mapping[str, str]) -> dict[str, Any]:
    """The JSON Schema of ``expect``; the names that are known are there to be completed, others may be a plugin's."""
    return {
        "type": "object",
        "properties": {name: {"description": about} for name, about in named.items()},
        "patternProperties": {f"^{_NAME}$": _VALUE},
        "additionalProperties": False,
        "maxProperties": MOST,
        "examples": [{"seam": "< 3", "frozen": False}],
    }


def _few(value: dict[str, bool | str]) -> dict[str, bool | str]:
    if len(value) > MOST:
        raise ValueError(f"must have at most {MOST} keys")
    return value


Expected = Annotated[
    dict[Annotated[str, AfterValidator(_key)], Annotated[bool | str, BeforeValidator(_value)]],
    AfterValidator(_few),
    WithJsonSchema(schema({})),
]
"""A spec's ``expect``."""
