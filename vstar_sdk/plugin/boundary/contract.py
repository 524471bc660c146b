"""The contract of a kind of part, member by member, and the objects that hold a plugin's part to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from vstar_sdk.plugin.boundary.calls import Call, ContractFault, Origin, described
from vstar_sdk.plugin.boundary.values import Check, ignored, of_annotation


@dataclass(frozen=True)
class Member:
    """A method or an attribute of a part.

    Attributes:
        name: as in the Protocol.
        check: of what it returns, or holds.
        parameters: names of a method's arguments; None for an attribute.
        optional: a part may do without it.
        lets: exceptions that pass, since the caller deals with them.
        lends: by the name of an argument, what the part is given in its place, where the value itself is shared with others.
    """

    name: str
    check: Check = ignored
    parameters: tuple[str, ...] | None = ()
    optional: bool = False
    lets: tuple[type[BaseException], ...] = ()
    lends: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])


@dataclass(frozen=True)
class Contract:
    """What a part, or an object that a part gives, promises.

    Attributes:
        protocol: the public name of its Protocol.
        members: all that the core ever uses.
    """

    protocol: str
    members: tuple[Member, ...]

    def missing(self, made: object) -> str | None:
        """How an object falls short of the Protocol, or None when it does not; an attribute of it may raise."""
        absent = [
            f"{member.name}{'' if member.parameters is None else '()'}"
            for member in self.members
            if not member.optional and not _has(made, member)
        ]
        if absent:
            return f"{described(made)} instead of a vstar_sdk.{self.protocol}: it has no {', '.join(absent)}"
        if isinstance(made, type):
            return f"{described(made)} instead of an object: a vstar_sdk.{self.protocol}"
        return None

    def contain(self, made: Any, origin: Origin) -> Any:
        """The object behind the boundary: each member is guarded and checked; other attributes are its own.

        Raises:
            Broken: a member is missing.
        """
        if isinstance(made, Contained):
            return made
        if (how := self.missing(made)) is not None:
            raise ContractFault(f"returned {how}")
        members = {member.name: _member(member) for member in self.members if not member.optional or _has(made, member)}
        return type(type(made).__name__, (Contained,), members)(made, origin)


class Contained:
    """A part of a plugin behind the boundary; its class, made by `Contract.contain`, has the members of the Protocol."""

    def __init__(self, part: Any, origin: Origin) -> None:
        self._part, self._origin = part, origin
        self._memory: dict[str, Any] = {}

    @property
    def __wrapped__(self) -> Any:
        """The part itself, for what is read and not called: its attributes and signatures."""
        return self._part

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._part, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._origin}>"


def _has(made: object, member: Member) -> bool:
    found = getattr(made, member.name, _ABSENT)
    return found is not _ABSENT if member.parameters is None else callable(found)


_ABSENT = object()


def _lent(member: Member, name: str | None, value: Any) -> Any:
    return member.lends[name](value) if name is not None and name in member.lends else value


def _member(member: Member) -> Any:
    parameters = member.parameters
    if parameters is None:

        def get(self: Contained) -> Any:
            call = Call(self._origin, member.name, {}, self._memory, member.lets)  # pyright: ignore[reportPrivateUsage]
            return call.checked(member.check, call.run(getattr, self._part, member.name))  # pyright: ignore[reportPrivateUsage]

        return property(get)

    def method(self: Contained, *args: Any, **named: Any) -> Any:
        arguments: Mapping[str, Any] = {**dict(zip(parameters, args, strict=False)), **named}
        call = Call(self._origin, f"{member.name}()", arguments, self._memory, member.lets)  # pyright: ignore[reportPrivateUsage]
        args = tuple(_lent(member, name, value) for name, value in zip_longest(parameters[: len(args)], args))
        named = {name: _lent(member, name, value) for name, value in named.items()}
        return call.checked(member.check, call.run(getattr(self._part, member.name), *args, **named))  # pyright: ignore[reportPrivateUsage]

    method.__name__ = member.name
    return method


@dataclass(frozen=True)
class Derived:
    """The contract of a kind that has none written: its Protocol's members, checked as far as their annotations are plain."""

    protocol: type[Any]

    def contract(self) -> Contract:
        """Read the Protocol."""
        named: dict[str, Any] = {**inspect.get_annotations(self.protocol), **vars(self.protocol)}
        members: list[Member] = []
        for name, value in named.items():
            if name.startswith("_"):
                continue
            if inspect.isfunction(value):
                parameters = tuple(inspect.signature(value).parameters)[1:]
                members.append(Member(name, of_annotation(value.__annotations__.get("return")), parameters))
            else:
                written = value.fget.__annotations__.get("return") if isinstance(value, property) and value.fget else value
                members.append(Member(name, of_annotation(written), None))
        return Contract(self.protocol.__name__, tuple(members))
