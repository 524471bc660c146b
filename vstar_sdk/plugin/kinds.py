"""The kinds of parts: one table, from which hooks, listings, checks and the spec's fields are read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from vstar_sdk.errors import SpecPath
from vstar_sdk.options import (
    ClassName,
    ExecutorOptions,
    ExporterOptions,
    GuidanceOptions,
    ModelOptions,
    Options,
    RegularizerOptions,
)
from vstar_sdk.plugin.boundary.contract import Contract, Derived
from vstar_sdk.texts.options import TextOptions


@dataclass(frozen=True)
class Plain:
    """A plain value in the place of a part's mapping: ``model: miniworld``, ``scheduler: euler``, ``guidance: 7.5``.

    A text that names a part of the kind means that part with its defaults. Any other value is that of one option of one part.

    Attributes:
        form: the annotation of the other values; None where names alone are plain values. A name alone is then read as the
            mapping ``{use: NAME}``; else it stays a text, which some other part may take.
        part: the part that another value means.
        option: the option that it is of.
    """

    form: Any = None
    part: str = ""
    option: str = ""

    def takes(self, text: str) -> bool:
        """Whether a text that names no part may be a value of the option: the form itself says what else is wrong with it."""
        if self.form is None:
            return False
        try:
            TypeAdapter(self.form).validate_python(text)
        except ValidationError:
            return False
        return True


@dataclass(frozen=True)
class Kind:
    """A kind of part.

    Attributes:
        name: in the plural, as in its hook and in `PartOf`.
        word: what one of them is called in messages.
        base: what option models of this kind derive from.
        protocol: ``module:Name`` of what their factories return; read when a part of a plugin is made.
        place: where the spec chooses it: ``model``, ``synopsis.backend``, ``output[]`` for a list.
        default: the parts that are meant where the spec says nothing.
        about: what the place in the spec is, for the schema of a field that is made from this row.
        contract: ``module:NAME`` of what is checked of its methods; None reads it from the Protocol.
        plain: what may stand in the place of a mapping.
        held: where else a spec chooses it: in the options of a built-in part, or outside of a run.
    """

    name: str
    word: str
    base: type[Options]
    protocol: str
    place: str | None
    default: tuple[str, ...] = ()
    about: str = ""
    contract: str | None = None
    plain: Plain = Plain()
    held: str | None = None

    @property
    def hook(self) -> str:
        """The hook that offers parts of this kind."""
        return f"register_{self.name}"

    @property
    def path(self) -> SpecPath:
        """Its place in the spec, without a number in a list."""
        return tuple(self.place.removesuffix("[]").split(".")) if self.place else ()

    @property
    def many(self) -> bool:
        """Whether its place holds a list."""
        return bool(self.place) and str(self.place).endswith("[]")

    @property
    def check(self) -> str:
        """``module:name`` of the check of its parts, in the kit for authors' tests."""
        return f"vstar_sdk.testing.{self.name}:check_{self.word.lower().removesuffix(' part').replace(' ', '_')}"

    @cached_property
    def promises(self) -> Contract:
        """What the boundary holds its parts to."""
        return _named(self.contract) if self.contract else Derived(_named(self.protocol)).contract()


def _named(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _checked(kind: str) -> str:
    return f"vstar_sdk.plugin.boundary.{kind}:CONTRACT"


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "models",
            "model",
            ModelOptions,
            "vstar_sdk.models.contract:ModelSource",
            "model",
            default=("miniworld",),
            contract=_checked("models"),
        ),
        Kind(
            "regularizers",
            "regularizer",
            RegularizerOptions,
            "vstar_sdk.regularizers.contract:Regularizer",
            "regularizers[]",
            default=("tar",),
            contract=_checked("regularizers"),
        ),
        Kind(
            "synopses",
            "synopsis",
            Options,
            "vstar_sdk.synopsis.contract:SynopsisWriter",
            "synopsis",
            contract=_checked("synopses"),
        ),
        Kind(
            "texts",
            "text part",
            TextOptions,
            "vstar_sdk.texts.contract:Text",
            "timeline",
            default=("blend",),
            contract=_checked("texts"),
        ),
        Kind(
            "llm_backends",
            "LLM backend",
            Options,
            "vstar_sdk.llm.contract:Backend",
            None,
            default=("anthropic",),
            held="synopsis.backend",
            contract=_checked("llm_backends"),
        ),
        Kind(
            "exporters",
            "exporter",
            ExporterOptions,
            "vstar_sdk.output.contract:Exporter",
            "output[]",
            default=("mp4", "contact-sheet"),
            contract=_checked("exporters"),
        ),
        Kind(
            "schedulers",
            "scheduler",
            Options,
            "vstar_sdk.sampling.contract:SchedulerSource",
            "sampling.scheduler",
            contract=_checked("schedulers"),
            plain=Plain(ClassName, "diffusers", "name"),
        ),
        Kind(
            "noises",
            "noise",
            Options,
            "vstar_sdk.sampling.contract:Noise",
            "sampling.noise",
            default=("gaussian",),
            contract=_checked("noises"),
        ),
        Kind(
            "guidances",
            "guidance",
            GuidanceOptions,
            "vstar_sdk.sampling.contract:Guidance",
            "sampling.guidance",
            default=("cfg",),
            contract=_checked("guidances"),
            plain=Plain(Annotated[float, Field(ge=1, le=100)], "cfg", "scale"),
        ),
        Kind(
            "samplers",
            "sampler",
            Options,
            "vstar_sdk.sampling.sampler:Sampler",
            "sampling.sampler",
            default=("single",),
            contract=_checked("samplers"),
        ),
        Kind(
            "finishers", "finisher", Options, "vstar_sdk.finishers.contract:Finisher", "finish[]", contract=_checked("finishers")
        ),
        Kind("metrics", "metric", Options, "vstar_sdk.metrics.contract:Metric", "metrics[]", contract=_checked("metrics")),
        Kind(
            "executors",
            "executor",
            ExecutorOptions,
            "vstar_sdk.sweeps.contract:Executor",
            None,
            default=("local",),
            held="executor",
            contract=_checked("executors"),
        ),
    )
}
"""Every kind, by name."""
