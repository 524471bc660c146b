"""Composing the spec's model from the catalog: every field marked `PartOf` becomes a union of what is installed.

Errors inside a part carry a ``use=NAME`` item in their location, which no key of a spec can be mistaken for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from vstar_sdk.options import Options, PartOf
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import KINDS, Catalog, Part, unknown_part
from vstar_sdk.spec.choice import Choice
from vstar_sdk.spec.mentions import absent
from vstar_sdk.spec.run_spec import DEFAULT_OUTPUT, DEFAULT_REGULARIZERS, RunSpec

TAG = "use="
"""Prefix of the location items that name a part."""


class Composer:
    """Builds models whose part fields are unions over a catalog, each union and each part once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._unions: dict[PartOf, Any] = {}
        self._models: dict[Part, type[Options]] = {}

    def run_spec(self, base: type[RunSpec] = RunSpec) -> type[RunSpec]:
        """The subclass of `RunSpec` that validates specs against the catalog.

        Args:
            base: what it derives from.
        """
        written: Any = Annotated[
            self._replace(_hint(RunSpec, "synopsis")), BeforeValidator(self._with_writer), Choice(unnamed=True)
        ]
        return create_model(
            "RunSpec",
            __base__=base,
            __doc__=RunSpec.__doc__,
            model=(self._replace(_hint(RunSpec, "model")), _field(RunSpec, "model", dict)),
            synopsis=(written, _field(RunSpec, "synopsis", dict)),
            regularizers=(
                self._replace(_hint(RunSpec, "regularizers")),
                _field(RunSpec, "regularizers", lambda: DEFAULT_REGULARIZERS),
            ),
            output=(self._replace(_hint(RunSpec, "output")), _field(RunSpec, "output", lambda: DEFAULT_OUTPUT)),
        )

    def _with_writer(self, value: Any, info: ValidationInfo) -> Any:
        """Names the synopsis part where ``use`` is left out: see `RunSpec.synopsis`."""
        if not isinstance(value, dict) or "use" in value:
            return cast(Any, value)
        options = cast(dict[str, Any], value)
        model = info.data["model"].part if "model" in info.data else ""
        own = model if model in [part.name for part in self._catalog.parts("synopses")] else "llm"
        return {"use": "states" if isinstance(options.get("states"), list | dict) else own, **options}

    def _replace(self, annotation: Any) -> Any:
        """The annotation, with the union in place of whatever is marked `PartOf`."""
        if get_origin(annotation) is Annotated:
            for mark in get_args(annotation)[1:]:
                if isinstance(mark, PartOf):
                    return Annotated[self._union(mark), mark]
        if get_origin(annotation) is list:
            return list[self._replace(get_args(annotation)[0])]
        return annotation

    def _union(self, mark: PartOf) -> Any:
        if mark not in self._unions:
            parts = self._catalog.parts(mark.kind)
            members = [Annotated[self._named(part), Tag(TAG + part.name)] for part in parts]
            # A union of one member would drop its tag, and with it the discriminator.
            choice: Any = Union[tuple(members)]  # noqa: UP007  (its members are known only now)
            names = [part.name for part in parts]
            union: Any = Annotated[choice, Discriminator(lambda value: TAG + _use(value))] if len(members) > 1 else choice
            shape = Choice(names=tuple(names), what=KINDS[mark.kind], default=mark.default)
            self._unions[mark] = Annotated[union, BeforeValidator(self._chooser(mark, names)), shape]
        return self._unions[mark]

    def _chooser(self, mark: PartOf, names: list[str]) -> Callable[[object], object]:
        """Checks ``use`` before pydantic does, to say what is on offer."""
        what = KINDS[mark.kind]

        def choose(value: object) -> object:
            if isinstance(value, Options):
                return value
            if not isinstance(value, dict):
                raise PydanticCustomError(
                    "part_shape", "write a mapping here: use: NAME of a known {what}, and its options beside it", {"what": what}
                )
            value = cast(dict[str, Any], value)
            if "use" not in value:
                if mark.default is None:
                    raise PydanticCustomError(
                        "part_unnamed", "'use' is missing: name a {what}: {names}", {"what": what, "names": ", ".join(names)}
                    )
                return {"use": mark.default, **value}
            if value["use"] not in names:
                message = self._unknown(mark.kind, str(value["use"])[:80], names)
                raise PydanticCustomError("part_unknown", "{message}", {"message": message})
            return value

        return choose

    def _unknown(self, kind: str, name: str, names: list[str]) -> str:
        namespace, slash, _ = name.partition("/")
        if slash and namespace not in self._catalog.namespaces:
            return f"unknown {KINDS[kind]} '{name}': {absent(namespace, discovery.installed())}"
        return unknown_part(kind, name, names)

    def _named(self, part: Part) -> type[Options]:
        """The author's option model with ``use`` added, and the unions of its own part fields."""
        if part not in self._models:
            self._models[part] = self._compose(part)
        return self._models[part]

    def _compose(self, part: Part) -> type[Options]:
        nested: dict[str, Any] = {
            name: (self._replace(_hint(part.options, name)), field)
            for name, field in part.options.model_fields.items()
            if _holds_part(_hint(part.options, name))
        }
        return create_model(
            f"{part.name.replace('/', '.')}.{KINDS[part.kind].replace(' ', '-')}",
            __base__=part.options,
            __doc__=part.summary,
            use=(Literal[part.name], Field(default=part.name, description=part.summary)),  # type: ignore[valid-type]
            **nested,
        )


def _hint(model: type[Options], field: str) -> Any:
    """The annotation of a field, as pydantic resolved it."""
    info = model.model_fields[field]
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def _field(model: type[Options], field: str, default: Callable[..., object]) -> FieldInfo:
    return Field(default_factory=default, validate_default=True, description=model.model_fields[field].description)


def _holds_part(hint: Any) -> bool:
    return any(isinstance(item, PartOf) or _holds_part(item) for item in get_args(hint))


def _use(value: object) -> str:
    return str(cast(dict[str, Any], value)["use"]) if isinstance(value, dict) else getattr(value, "use", "")
