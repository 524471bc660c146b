"""Longer, changing stories from open text-to-video models, without training.

The public names, each imported when it is first used::

    import vstar_sdk

    result = vstar_sdk.run({"prompt": "a landscape from winter to autumn", "frames": 64})
    for frame in result.frames():
        ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vstar_sdk.attaching.attach import attach
    from vstar_sdk.attention.operations import Bias, CallNext, Logits, Mix, Scale, Wrap
    from vstar_sdk.attention.recording import Recording
    from vstar_sdk.attention.sites import Site, SiteAddress
    from vstar_sdk.errors import (
        BackendError,
        MissingDependency,
        ModelError,
        OutputError,
        PluginError,
        RunCancelled,
        SamplerError,
        SpecError,
        StopRun,
        TemplateError,
        VstarError,
    )
    from vstar_sdk.models.contract import Adapter, Facts, ModelSource
    from vstar_sdk.models.estimates import Estimate, Workload
    from vstar_sdk.models.pipeline_options import FramewiseOptions, PipelineOptions
    from vstar_sdk.models.unet3d import UNet3DSource
    from vstar_sdk.options import ExporterOptions, ModelOptions, Options, PartOf, RegularizerOptions
    from vstar_sdk.output.contract import Clip, Exporter
    from vstar_sdk.output.path import ArtifactOptions
    from vstar_sdk.parts import Register, RegisterTemplate, hookimpl
    from vstar_sdk.regularizers.contract import Regularizer
    from vstar_sdk.resolver import Resolver
    from vstar_sdk.runs.job import Job
    from vstar_sdk.runs.plan import Plan
    from vstar_sdk.runs.result import Result
    from vstar_sdk.runs.session import Session, run, start
    from vstar_sdk.sampling.conditioning import Conditioning
    from vstar_sdk.spec.loading import load_spec
    from vstar_sdk.spec.run_spec import RunSpec
    from vstar_sdk.synopses import State, Synopsis
    from vstar_sdk.synopsis.contract import Backend, Brief, Completion, Message, Request, SynopsisWriter
    from vstar_sdk.timeline import Timeline

__version__ = "0.1.0"

_HOMES = {
    "vstar_sdk.attaching.attach": ("attach",),
    "vstar_sdk.attention.operations": (
        "Bias",
        "CallNext",
        "Logits",
        "Mix",
        "Scale",
        "Wrap",
    ),
    "vstar_sdk.attention.recording": ("Recording",),
    "vstar_sdk.attention.sites": (
        "Site",
        "SiteAddress",
    ),
    "vstar_sdk.errors": (
        "BackendError",
        "MissingDependency",
        "ModelError",
        "OutputError",
        "PluginError",
        "RunCancelled",
        "SamplerError",
        "SpecError",
        "StopRun",
        "TemplateError",
        "VstarError",
    ),
    "vstar_sdk.models.contract": (
        "Adapter",
        "Facts",
        "ModelSource",
    ),
    "vstar_sdk.models.estimates": (
        "Estimate",
        "Workload",
    ),
    "vstar_sdk.models.pipeline_options": (
        "FramewiseOptions",
        "PipelineOptions",
    ),
    "vstar_sdk.models.unet3d": ("UNet3DSource",),
    "vstar_sdk.options": (
        "ExporterOptions",
        "ModelOptions",
        "Options",
        "PartOf",
        "RegularizerOptions",
    ),
    "vstar_sdk.output.contract": (
        "Clip",
        "Exporter",
    ),
    "vstar_sdk.output.path": ("ArtifactOptions",),
    "vstar_sdk.parts": (
        "Register",
        "RegisterTemplate",
        "hookimpl",
    ),
    "vstar_sdk.regularizers.contract": ("Regularizer",),
    "vstar_sdk.resolver": ("Resolver",),
    "vstar_sdk.runs.job": ("Job",),
    "vstar_sdk.runs.plan": ("Plan",),
    "vstar_sdk.runs.result": ("Result",),
    "vstar_sdk.runs.session": (
        "Session",
        "run",
        "start",
    ),
    "vstar_sdk.sampling.conditioning": ("Conditioning",),
    "vstar_sdk.spec.loading": ("load_spec",),
    "vstar_sdk.spec.run_spec": ("RunSpec",),
    "vstar_sdk.synopses": (
        "State",
        "Synopsis",
    ),
    "vstar_sdk.synopsis.contract": (
        "Backend",
        "Brief",
        "Completion",
        "Message",
        "Request",
        "SynopsisWriter",
    ),
    "vstar_sdk.timeline": ("Timeline",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Adapter",
    "ArtifactOptions",
    "Backend",
    "BackendError",
    "Bias",
    "Brief",
    "CallNext",
    "Clip",
    "Completion",
    "Conditioning",
    "Estimate",
    "Exporter",
    "ExporterOptions",
    "Facts",
    "FramewiseOptions",
    "Job",
    "Logits",
    "Message",
    "MissingDependency",
    "Mix",
    "ModelError",
    "ModelOptions",
    "ModelSource",
    "Options",
    "OutputError",
    "PartOf",
    "PipelineOptions",
    "Plan",
    "PluginError",
    "Recording",
    "Register",
    "RegisterTemplate",
    "Regularizer",
    "RegularizerOptions",
    "Request",
    "Resolver",
    "Result",
    "RunCancelled",
    "RunSpec",
    "SamplerError",
    "Scale",
    "Session",
    "Site",
    "SiteAddress",
    "SpecError",
    "State",
    "StopRun",
    "Synopsis",
    "SynopsisWriter",
    "TemplateError",
    "Timeline",
    "UNet3DSource",
    "VstarError",
    "Workload",
    "Wrap",
    "attach",
    "hookimpl",
    "load_spec",
    "run",
    "start",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'vstar_sdk' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
