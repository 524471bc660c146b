"""The hooks: every moment at which a plugin can take part.

Two verbs, two policies:

``register_*``
    Collect. Called once, when the plugin is first needed. A plugin that fails here takes no part at all, and its
    health record says why.
``on_*``
    Observe. Called during a run, in the order of the spec's ``plugins:``. An exception is logged and counted, never fatal;
    only `vstar_sdk.errors.StopRun` ends the run.

An implementation may take fewer arguments than its specification: pluggy passes those it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from vstar_sdk import events
from vstar_sdk.parts import PROJECT, Register

if TYPE_CHECKING:
    from vstar_sdk.parts import RegisterTemplate

HOOK_API = 1
"""Version of this contract, apart from the package's; raised only when a hook changes in a way that breaks plugins."""

_hookspec = pluggy.HookspecMarker(PROJECT)


@_hookspec
def register_models(register: Register) -> None:
    """Offer video models; a factory returns a `vstar_sdk.models.contract.ModelSource`."""


@_hookspec
def register_regularizers(register: Register) -> None:
    """Offer attention regularizers; a factory returns a `vstar_sdk.regularizers.contract.Regularizer`."""


@_hookspec
def register_synopses(register: Register) -> None:
    """Offer synopsis writers; a factory returns a `vstar_sdk.synopsis.contract.SynopsisWriter`."""


@_hookspec
def register_llm_backends(register: Register) -> None:
    """Offer language models; a factory returns a `vstar_sdk.synopsis.contract.Backend`."""


@_hookspec
def register_exporters(register: Register) -> None:
    """Offer file formats; a factory returns a `vstar_sdk.output.contract.Exporter`."""


@_hookspec
def register_templates(register: RegisterTemplate) -> None:
    """Offer synopsis templates: ``register("haiku", path)`` with the path of a ``.jinja`` file."""


@_hookspec
def on_run_start(event: events.RunStart) -> None:
    """The spec is valid and the run begins."""


@_hookspec
def on_synopsis(event: events.SynopsisReady) -> None:
    """The key states are written and placed on the timeline."""


@_hookspec
def on_model_loaded(event: events.ModelLoaded) -> None:
    """The video model is in memory."""


@_hookspec
def on_step(event: events.Step) -> None:
    """A denoising step is done; raising `StopRun` here ends the run before the next."""


@_hookspec
def on_artifact(event: events.Artifact) -> None:
    """A file is whole and in its place."""


@_hookspec
def on_run_end(event: events.RunEnd) -> None:
    """The run is done."""


@_hookspec
def on_run_error(event: events.RunFailed) -> None:
    """The run ended by an error or a cancel."""
