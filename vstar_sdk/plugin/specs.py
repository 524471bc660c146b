"""The hooks: every moment at which a plugin can take part.

Four verbs, four policies:

``register_*``
    Collect. Called once, when the plugin is first needed. A plugin that fails here takes no part at all, and its
    health record says why.
``resolve_*``
    First result wins: plugins are asked in their order until one returns something other than None; then the core's own answer
    counts. An exception ends the run and names the plugin.
``transform_*``
    An ordered chain: each plugin is given what the one before it returned, and None leaves the value as it is. An exception,
    or a value that the hook cannot take, ends the run and names the plugin.
``on_*``
    Observe. An exception is logged, counted and put into the manifest's warnings, never fatal; only
    `vstar_sdk.StopRun` ends the run, at its next step.

``register_*`` takes part as soon as a spec names a part of the plugin (``use: acme/banded``). The other three take part only
where the plugin is listed: in the spec's ``plugins:``, with ``-p`` on the command line, or as an object that the caller passed;
in that order. An implementation may take fewer arguments than its specification: it is given those that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pluggy

from vstar_sdk import events
from vstar_sdk.parts import PROJECT, Register

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.output.contract import Clip
    from vstar_sdk.parts import RegisterFamily, RegisterTemplate
    from vstar_sdk.sampling.conditioning import Conditioning
    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.synopsis.contract import Brief
    from vstar_sdk.timeline import Timeline

HOOK_API = 1
"""Version of this contract, apart from the package's; raised only when a hook changes in a way that breaks plugins."""

_hookspec = pluggy.HookspecMarker(PROJECT)


@_hookspec
def register_models(register: Register) -> None:
    """Offer video models.

    Args:
        register: called once for each model; its factory returns a `vstar_sdk.ModelSource`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def register_regularizers(register: Register) -> None:
    """Offer attention regularizers.

    Args:
        register: called once for each regularizer; its factory returns a `vstar_sdk.Regularizer`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def register_synopses(register: Register) -> None:
    """Offer synopsis writers, which turn a prompt into key states.

    Args:
        register: called once for each writer; its factory returns a `vstar_sdk.SynopsisWriter`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def register_llm_backends(register: Register) -> None:
    """Offer language models for the synopsis part ``llm``.

    Args:
        register: called once for each backend; its factory returns a `vstar_sdk.Backend`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def register_exporters(register: Register) -> None:
    """Offer file formats.

    Args:
        register: called once for each format; its factory returns a `vstar_sdk.Exporter`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def register_schedulers(register: Register) -> None:
    """Offer schedulers: what turns the denoiser's predictions into the next latents.

    Args:
        register: called once for each scheduler; its factory returns a `vstar_sdk.SchedulerSource`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_texts(register: Register) -> None:
    """Offer text parts: how key states reach the frames.

    Args:
        register: called once for each part; its factory returns a `vstar_sdk.Text`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_noises(register: Register) -> None:
    """Offer noises: the initial noise of a video.

    Args:
        register: called once for each noise; its factory returns a `vstar_sdk.Noise`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_guidances(register: Register) -> None:
    """Offer guidances, which combine the predictions of several branches.

    Args:
        register: called once for each guidance; its factory returns a `vstar_sdk.Guidance`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_samplers(register: Register) -> None:
    """Offer samplers, which take the steps of the schedule.

    Args:
        register: called once for each sampler; its factory returns a `vstar_sdk.Sampler`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_finishers(register: Register) -> None:
    """Offer finishers, which change the size, number or rate of frames.

    Args:
        register: called once for each finisher; its factory returns a `vstar_sdk.Finisher`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_metrics(register: Register) -> None:
    """Offer metrics of the finished frames.

    Args:
        register: called once for each metric; its factory returns a `vstar_sdk.Metric`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_executors(register: Register) -> None:
    """Offer executors, which run the cells of a sweep.

    Args:
        register: called once for each executor; its factory returns a `vstar_sdk.Executor`.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_families(register: RegisterFamily) -> None:
    """Offer families of denoisers: what ``attach`` needs to nurse a pipeline that holds one.

    Args:
        register: called once for each family with the names of the network classes that it knows, and a `vstar_sdk.Family` or
            where to import it from.

    When: once, when a spec, a listing or ``attach`` first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def register_templates(register: RegisterTemplate) -> None:
    """Offer synopsis templates.

    Args:
        register: called once for each template with its name and the path of its ``.jinja`` file.

    When: once, when a spec or a listing first needs the plugin.
    Exceptions: quarantine the plugin whole.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def resolve_secret(name: str) -> str | None:
    """Find a secret by its name in the spec.

    Args:
        name: such as ``ANTHROPIC_API_KEY``.

    Returns:
        The secret, or None to ask the next plugin, and finally the environment.

    When: when a part first needs it, usually at the first question to a language model.
    Exceptions: end the run; the message names the plugin and the exception's type, never its text, which may hold the secret.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def resolve_asset(reference: str) -> Path | str | None:
    """Find the files of a model that a spec names by an id instead of a path.

    Args:
        reference: such as the hub id ``Qwen/Qwen3-0.6B``; a video model pinned to a commit is asked for as ``ID@COMMIT``.

    Returns:
        An existing file or folder, or None to ask the next plugin, and finally the part itself.

    When: when a part loads what it names.
    Exceptions: end the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def resolve_device(name: str) -> str | None:
    """Choose the device for ``model.device``.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ..., or a name that only the plugin knows.

    Returns:
        A torch device such as ``cuda:1``, or None to ask the next plugin, and finally torch.

    When: before the model is loaded.
    Exceptions: end the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def transform_synopsis(synopsis: Synopsis, brief: Brief) -> Synopsis | None:
    """Change the key states before they are placed on the timeline.

    Must be deterministic: the resolved spec stores the writer's states, and running it calls this hook again.

    Args:
        synopsis: the key states.
        brief: prompt, frames and fps of the run.

    Returns:
        Another synopsis, or None to leave it.

    When: after the synopsis is written; already while validating, where the writer works offline.
    Exceptions: end the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def transform_conditioning(conditioning: Conditioning, timeline: Timeline) -> Conditioning | None:
    """Change the text embeddings before the first step.

    Args:
        conditioning: ``text`` of shape ``(frames, tokens, dim)``, of latent frames where the model compresses time, and
            ``negative`` of shape ``(tokens, dim)``. Where frames read key states with a bias (``relay``), ``text`` is that of the
            states, ``(states, tokens, dim)``, and ``bias`` is ``(frames, states)``; else ``bias`` is None.
        timeline: where the states stand.

    Returns:
        Another conditioning of the same shapes, type and device, or None to leave it. Change nothing in place.

    When: once, after the states are encoded.
    Exceptions: end the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def transform_noise(noise: Tensor, clock: Clock) -> Tensor | None:
    """Change the initial noise.

    Must be deterministic: a resumed run calls this hook again.

    Args:
        noise: ``(1, channels, latent frames, height, width)``, float32, on the CPU; each number by itself is standard normal.
        clock: the time of the clip: pixel frames, latent frames, seconds.

    Returns:
        Other noise of the same shape, type and device, or None to leave it. Change nothing in place.

    When: after the noise part has drawn: once before the first step, and again for each fresh noise that a sampler asks for.
    Exceptions: end the run.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def transform_latents(latents: Tensor, step: int, steps: int, timestep: float) -> Tensor | None:
    """Change the latents after a step.

    Args:
        latents: ``(1, channels, latent frames, height, width)``, float32, in the scheduler's scale.
        step: the step that is done, from 1.
        steps: of the schedule.
        timestep: of the step, on the model's scale.

    Returns:
        Other latents of the same shape, type and device, or None to leave them. Change nothing in place.

    When: after every step, before `on_step`; where no plugin implements it, the sampler calls nothing.
    Exceptions: end the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def transform_frames(frames: Iterator[NDArray[np.uint8]], clip: Clip) -> Iterable[NDArray[np.uint8]] | None:
    """Change the frames between the decoder and the finishers; usually a generator.

    Args:
        frames: ``(height, width, 3)``, RGB, uint8, one by one. Copy a frame before changing it.
        clip: size, length, fps, prompt and key states.

    Returns:
        As many frames of the same size, lazily if memory is to stay bounded; or None to leave them (having taken none).

    When: once for every decoding: before finishers, metrics and exporters, and at each call of ``result.frames()``.
    Exceptions: end the run, also those that rise while frames are drawn.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_run_start(event: events.RunStart) -> None:
    """The run begins.

    Args:
        event: frames, seed and directory.

    When: once the spec is valid and it is this run's turn.
    Exceptions: counted; `StopRun` ends the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_stage(event: events.StageStart) -> None:
    """A stage of the run begins.

    Args:
        event: the stage: ``synopsis``, ``load``, ``encode``, ``sample`` or ``decode``.

    When: before the stage's work.
    Exceptions: counted; `StopRun` ends the run.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def on_synopsis(event: events.SynopsisReady) -> None:
    """The key states are written and placed.

    Args:
        event: synopsis (after every `transform_synopsis`) and timeline.

    When: before the model is loaded.
    Exceptions: counted; `StopRun` ends the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_model_loaded(event: events.ModelLoaded) -> None:
    """The video model is in memory.

    Args:
        event: the model's name, its device, and the seconds that it took.

    When: before the states are encoded; in a session also when the model was loaded already.
    Exceptions: counted; `StopRun` ends the run.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_step(event: events.Step) -> None:
    """A denoising step is done.

    Args:
        event: step (from 1), steps, timestep, seconds and eta.

    When: after every step, and after its `transform_latents`.
    Exceptions: counted; `StopRun` ends the run before the next step.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_frames(event: events.FramesDecoded, frames: NDArray[np.uint8]) -> None:
    """Frames are decoded, transformed, finished, measured and written.

    Args:
        event: how many are done, and how many there will be.
        frames: the newest of them, ``(n, height, width, 3)``, RGB, to be looked at, not changed; the last is number ``done - 1``.

    When: while frames are decoded: in a run that writes or measures something.
    Exceptions: counted; `StopRun` ends the run.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def on_metric(event: events.Measured) -> None:
    """A metric has seen all frames.

    Args:
        event: the metric's name, and its numbers by their names in the manifest.

    When: once for each metric of the spec, after the last frame, before any artifact is in its place.
    Exceptions: counted; `StopRun` ends the run, whose artifacts are not written.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def on_artifact(event: events.Artifact) -> None:
    """A file or folder is complete.

    Args:
        event: the exporter's name and the path.

    When: once all exporters are done, for each artifact.
    Exceptions: counted; `StopRun` ends the run, whose artifacts stay.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_expect(event: events.Expected) -> None:
    """A number was compared with what the spec expects.

    Args:
        event: the number's name, what was measured, what is expected, and whether it is so.

    When: once for each expectation of the spec, after the artifacts. Where one is not kept, `on_run_error` comes in the place of
        `on_run_end`, with an `ExpectationError`.
    Exceptions: counted; `StopRun` ends the run, whose artifacts stay.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def on_warning(event: events.Warned) -> None:
    """The run has a warning.

    Args:
        event: the message.

    When: as it is found, in any stage; the manifest lists them all.
    Exceptions: counted; `StopRun` ends the run.
    Stability: new in HOOK_API 1.
    """


@_hookspec
def on_run_end(event: events.RunEnd) -> None:
    """The run is done.

    Args:
        event: the seconds that it took, and its directory.

    When: last, with every file in its place, the manifest too.
    Exceptions: counted, `StopRun` too.
    Stability: stable since HOOK_API 1.
    """


@_hookspec
def on_run_error(event: events.RunFailed) -> None:
    """The run ended by an error or a cancel.

    Args:
        event: the error.

    When: last, in the place of `on_run_end`. Not called when a spec is refused: no run has begun then.
    Exceptions: counted, `StopRun` too.
    Stability: stable since HOOK_API 1.
    """
