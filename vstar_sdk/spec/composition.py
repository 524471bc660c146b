"""Composing the spec's model from the catalog: every field marked `PartOf` becomes a union of what is installed.

Errors inside a part carry a ``use=NAME`` item in their location, which no key of a spec can be mistaken for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from vstar_sdk.errors import SpecPath
from vstar_sdk.options import Options, PartOf
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog, Part
from vstar_sdk.plugin.kinds import KINDS, Kind
from vstar_sdk.plugin.nested import DEEPEST, marks, nested, replaced
from vstar_sdk.spec.choice import NAME, PLAIN, TAG, Choice, member_of
from vstar_sdk.spec.expectations import Expected
from vstar_sdk.spec.listing import listing
from vstar_sdk.spec.mentions import absent
from vstar_sdk.spec.numbers import Known
from vstar_sdk.spec.run_spec import DEFAULT_OUTPUT, DEFAULT_REGULARIZERS, RunSpec

S = TypeVar("S", bound=Options)


class Composer:
    """Builds models whose part fields are unions over a catalog, each union and each part once.

    A part that can hold another of its own kind is built once for each depth, down to `DEEPEST`, where only parts that hold none
    are on offer. So no model refers to itself.

    Args:
        catalog: of the parts.
        taking_part: namespaces of the plugins whose hooks take part: a part that needs others is refused. None: none is.
    """

    def __init__(self, catalog: Catalog, taking_part: Iterable[str] | None = None) -> None:
        self._catalog = catalog
        self._taking_part = None if taking_part is None else frozenset(taking_part)
        self._unions: dict[tuple[PartOf, int], Any] = {}
        self._models: dict[tuple[Part, int], type[Options]] = {}

    def run_spec(self, base: type[RunSpec] = RunSpec) -> type[RunSpec]:
        """The subclass of `RunSpec` that validates specs against the catalog.

        Args:
            base: what it derives from.
        """
        defaults: dict[str, Callable[[], object]] = {
            "regularizers": lambda: DEFAULT_REGULARIZERS,
            "finish": list,
            "metrics": list,
            "output": lambda: DEFAULT_OUTPUT,
        }
        written: dict[str, Any] = {
            name: (self._replace(annotation, 0), _field(RunSpec, name, defaults.get(name, dict)))
            for name, annotation in nested(RunSpec).items()
        } | {name: (self.section(section), _field(RunSpec, name, dict)) for name, section in sections(RunSpec).items()}
        written["plugins"] = (list[listing(self._catalog.known)], RunSpec.model_fields["plugins"])
        written["expect"] = (Annotated[Expected, Known(self._catalog)], RunSpec.model_fields["expect"])
        synopsis, field = written["synopsis"]
        written["synopsis"] = (Annotated[synopsis, BeforeValidator(self._with_writer), Choice(unnamed=True)], field)
        for kind in KINDS.values():
            if kind.path and self._catalog.parts(kind.name):
                written |= self._added(RunSpec, kind, kind.path, written)
        return create_model("RunSpec", __base__=base, __doc__=RunSpec.__doc__, **written)

    def section(self, section: type[S]) -> type[S]:
        """A section of the spec with the unions of its part fields."""
        fields: dict[str, Any] = {
            name: (Annotated[self._replace(annotation, 0), Choice(section=True)], section.model_fields[name])
            for name, annotation in nested(section).items()
        }
        return create_model(section.__name__, __base__=section, __doc__=section.__doc__, **fields)

    def _added(self, model: type[Options], kind: Kind, path: SpecPath, written: Mapping[str, Any]) -> dict[str, Any]:
        """The field of a kind's place where the model as it is written has none; through the models on the way to it.

        Args:
            model: as it is written.
            kind: of parts.
            path: of its place in the model.
            written: fields that are composed already.
        """
        name, *rest = map(str, path)
        if rest:
            inner = cast(type[Options], written[name][0] if name in written else model.model_fields[name].annotation)
            added = self._added(inner, kind, tuple(rest), {})
            if not added:
                return {}
            grown: Any = create_model(inner.__name__, __base__=inner, __doc__=inner.__doc__, **added)
            return {name: (grown, _field(model, name, dict))}
        if name in model.model_fields:
            return {}
        one = self._union(PartOf(kind.name, None if kind.many else next(iter(kind.default), None)), 0)
        chosen: list[dict[str, object]] = [{"use": default} for default in kind.default]
        if kind.many:
            return {name: (list[one], Field(default_factory=lambda: chosen, validate_default=True, description=kind.about))}
        if not chosen:
            return {name: (one | None, Field(default=None, description=kind.about))}
        return {name: (one, Field(default_factory=dict, validate_default=True, description=kind.about))}

    def _with_writer(self, value: Any, info: ValidationInfo) -> Any:
        """Names the synopsis part where ``use`` is left out: see `RunSpec.synopsis`."""
        if not isinstance(value, dict) or "use" in value:
            return cast(Any, value)
        options = cast(dict[str, Any], value)
        model = info.data["model"].part if "model" in info.data else ""
        own = model if model in [part.name for part in self._catalog.parts("synopses")] else "llm"
        return {"use": "states" if isinstance(options.get("states"), list | dict) else own, **options}

    def _replace(self, annotation: Any, depth: int) -> Any:
        """The annotation, with the union in place of whatever is marked `PartOf`."""
        return replaced(annotation, lambda mark: self._union(mark, depth))

    def _union(self, mark: PartOf, depth: int) -> Any:
        """The choice between the parts of a kind.

        Args:
            mark: the kind, and its default.
            depth: how many parts this one is inside of.
        """
        depth = depth if self._endless(mark.kind) else 0
        if (mark, depth) not in self._unions:
            offered = self._catalog.parts(mark.kind)
            parts = [part for part in offered if depth < DEEPEST or not nested(part.options)]
            members: list[Any] = [Annotated[self._named(part, depth), Tag(TAG + part.name)] for part in parts]
            if not members:
                none: Any = Annotated[Options, BeforeValidator(self._chooser(mark, [], offered))]
                return self._unions.setdefault((mark, depth), none)
            names = [part.name for part in parts]
            alone, form = tuple(_alone(parts)), KINDS[mark.kind].plain.form
            if form is not None:
                members += [Annotated[Literal[alone], Tag(NAME)], Annotated[form, Tag(PLAIN)]]  # type: ignore[valid-type]
            # A union of one member would drop its tag, and with it the discriminator.
            choice: Any = Union[tuple(members)]  # noqa: UP007  (its members are known only now)
            union: Any = Annotated[choice, Discriminator(member_of(names))] if len(members) > 1 else choice
            shape = Choice(tuple(names), KINDS[mark.kind].word, mark.default, alone=alone, plain=form is not None)
            self._unions[mark, depth] = Annotated[union, BeforeValidator(self._chooser(mark, names, offered)), shape]
        return self._unions[mark, depth]

    def _endless(self, kind: str) -> bool:
        """Whether parts of a kind, or of those inside them, can hold parts of a kind that is open already."""
        inner: dict[str, set[str]] = {
            name: {
                mark.kind
                for part in self._catalog.parts(name)
                for annotation in nested(part.options).values()
                for mark in marks(annotation)
            }
            for name in KINDS
        }

        def reach(start: str) -> set[str]:
            found: set[str] = set()
            ahead = [start]
            while ahead:
                for name in inner[ahead.pop()] - found:
                    found.add(name)
                    ahead.append(name)
            return found

        return any(one in reach(one) for one in {kind, *reach(kind)})

    def _chooser(self, mark: PartOf, names: list[str], offered: Iterable[Part]) -> Callable[[object], object]:
        """Checks ``use`` before pydantic does, to say what is on offer."""
        what, plain = KINDS[mark.kind].word, KINDS[mark.kind].plain
        alone = _alone(offered)
        too_deep = {part.name for part in offered}.difference(names)
        unheard = {part.name for part in offered if part.needs_hooks and not self._heard(part)}

        def choose(value: object) -> object:
            name = _named(value)
            if isinstance(name, str) and name in unheard:
                raise PydanticCustomError("part_unheard", "{message}", {"message": _unheard(name)})
            if isinstance(value, Options):
                return value
            if isinstance(value, str) and value not in alone and not plain.takes(value):
                message = self._unknown(mark.kind, value[:80])
                if value in names:
                    message = f"'{value}' has options that must be written: {{use: {value}, ...}}"
                raise PydanticCustomError("part_plain", "{message}", {"message": message})
            if isinstance(value, str) and plain.form is None:
                return {"use": value}
            if plain.form is not None and isinstance(value, str | int | float) and not isinstance(value, bool):
                return value
            if not isinstance(value, dict):
                raise PydanticCustomError(
                    "part_shape",
                    "write the name of a known {what} here, or a mapping: use: NAME and its options",
                    {"what": what},
                )
            value = cast(dict[str, Any], value)
            if str(value.get("use", mark.default)) in too_deep:
                message = f"'{value.get('use', mark.default)}' holds another part, and parts are nested at most {DEEPEST} deep"
                raise PydanticCustomError("part_deep", "{message}", {"message": message})
            if "use" not in value:
                if mark.default is None:
                    raise PydanticCustomError(
                        "part_unnamed", "'use' is missing: name a {what}: {names}", {"what": what, "names": ", ".join(names)}
                    )
                return {"use": mark.default, **value}
            if value["use"] not in names:
                message = self._unknown(mark.kind, str(value["use"])[:80])
                raise PydanticCustomError("part_unknown", "{message}", {"message": message})
            return value

        return choose

    def _heard(self, part: Part) -> bool:
        """Whether the hooks of a part's plugin take part."""
        return part.core or self._taking_part is None or part.name.partition("/")[0] in self._taking_part

    def _unknown(self, kind: str, name: str) -> str:
        namespace, slash, _ = name.partition("/")
        if slash and namespace not in self._catalog.namespaces:
            return f"unknown {KINDS[kind].word} '{name}': {absent(namespace, discovery.installed())}"
        return self._catalog.unknown(kind, name)

    def _named(self, part: Part, depth: int) -> type[Options]:
        """The author's option model with ``use`` added, and the unions of its own part fields."""
        if not nested(part.options):
            return (_core_model if part.core else _model)(part.kind, part.name, part.options, part.summary)
        if (part, depth) not in self._models:
            self._models[part, depth] = self._compose(part, depth)
        return self._models[part, depth]

    def _compose(self, part: Part, depth: int) -> type[Options]:
        inside: dict[str, Any] = {
            name: (self._replace(annotation, depth + 1), part.options.model_fields[name])
            for name, annotation in nested(part.options).items()
        }
        return _model(part.kind, part.name, part.options, part.summary, depth, **inside)


def _model(kind: str, name: str, options: type[Options], summary: str, depth: int = 0, **inside: Any) -> type[Options]:
    """The option model of a part, with ``use`` and the fields that hold parts."""
    title = f"{name.replace('/', '.')}.{KINDS[kind].word.replace(' ', '-')}"
    return create_model(
        f"{title}.{depth}" if depth else title,
        __base__=options,
        __doc__=summary,
        use=(Literal[name], Field(default=name, description=summary)),  # type: ignore[valid-type]
        **inside,
    )


_core_model = cache(_model)
"""The same for the package's own parts, made once for all catalogs."""


def _field(model: type[Options], field: str, default: Callable[..., object]) -> FieldInfo:
    return Field(default_factory=default, validate_default=True, description=model.model_fields[field].description)


def sections(model: type[Options]) -> dict[str, type[Options]]:
    """The fields of a model that hold a model in which parts are chosen."""
    inner = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: held for name, held in inner.items() if isinstance(held, type) and issubclass(held, Options) and nested(held)}


def _named(value: Any) -> Any:
    """What stands where a part is named: the name alone, or the ``use`` of a mapping or of options."""
    return cast(Any, value).get("use") if isinstance(value, dict) else getattr(value, "use", value)


def _unheard(name: str) -> str:
    """The message for a part whose plugin is left out."""
    namespace = name.partition("/")[0]
    return f"'{name}' needs the hooks of its plugin, which take part only where the spec lists it: plugins: [{namespace}]"


def _alone(parts: Iterable[Part]) -> list[str]:
    """The names of the parts that need no option, so that a name alone can choose them."""
    return [part.name for part in parts if not any(field.is_required() for field in part.options.model_fields.values())]
