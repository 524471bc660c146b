"""The chains of transforms: each plugin is given what the one before it returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vstar_sdk.plugin.boundary import synopses
from vstar_sdk.plugin.boundary.faults import contract_fault, failed, passes
from vstar_sdk.plugin.boundary.frames import Source
from vstar_sdk.plugin.boundary.values import frame_fault
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.synopses import Synopsis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.output.contract import Clip
    from vstar_sdk.sampling.conditioning import Conditioning
    from vstar_sdk.synopsis.contract import Brief
    from vstar_sdk.timeline import Timeline

    Frames = Iterator[NDArray[np.uint8]]


class Transforms:
    """The plugins that may change a run's values, in order.

    Every method returns the value unchanged where no plugin implements its hook, and raises `PluginError`, naming the plugin,
    when one fails or returns what the run cannot go on with.

    Args:
        plugins: those that the spec, the command line or the caller listed.
    """

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)

    def implemented(self, hook: str) -> bool:
        """Whether any of the plugins implements a hook."""
        return any(hook in plugin.hooks for plugin in self._plugins)

    def synopsis(self, synopsis: Synopsis, brief: Brief) -> Synopsis:
        """``transform_synopsis``: after the writer has written."""
        return self._chain("transform_synopsis", "synopsis", synopsis, _synopsis_fault, brief=brief)

    def conditioning(self, conditioning: Conditioning, timeline: Timeline) -> Conditioning:
        """``transform_conditioning``: after the states are encoded."""
        return self._chain("transform_conditioning", "conditioning", conditioning, _conditioning_fault, timeline=timeline)

    def noise(self, noise: Tensor, clock: Clock) -> Tensor:
        """``transform_noise``: after the noise part has drawn."""
        return self._chain("transform_noise", "noise", noise, _numbers_fault, clock=clock)

    def latents(self, latents: Tensor, step: int, steps: int, timestep: float) -> Tensor:
        """``transform_latents``: after a step."""
        moment = {"step": step, "steps": steps, "timestep": timestep}
        return self._chain("transform_latents", "latents", latents, _numbers_fault, **moment)

    def frames(self, frames: Frames, clip: Clip) -> Frames:
        """``transform_frames``: around the decoder; each stage is checked as its frames are drawn."""
        hook = "transform_frames"
        for plugin in self._plugins:
            for call in plugin.implementations(hook):
                source = Source(frames)
                changed = _call(plugin, hook, call, frames=source, clip=clip)
                frames = _Stage(plugin, changed, source, clip) if changed is not None else frames
        return frames

    def _chain(self, hook: str, name: str, value: Any, fault: Callable[[Any, Any], str | None], **arguments: Any) -> Any:
        for plugin in self._plugins:
            for call in plugin.implementations(hook):
                changed = _call(plugin, hook, call, **{name: value}, **arguments)
                if changed is None:
                    continue
                if (how := fault(value, changed)) is not None:
                    raise contract_fault(plugin, hook, how)
                value = changed
        return value


def _call(plugin: Plugin, hook: str, call: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return call(**arguments)
    except BaseException as error:
        if passes(error):
            raise
        raise failed(plugin, hook, error) from error


class _Stage:
    """Frames on their way out of a plugin: as many, and of the size, that the clip has."""

    def __init__(self, plugin: Plugin, frames: Iterable[NDArray[np.uint8]], source: Source, clip: Clip) -> None:
        self._plugin, self._source, self._clip = plugin, source, clip
        self._drawn = 0
        try:
            self._frames = iter(frames)
        except TypeError:
            raise contract_fault(plugin, "transform_frames", f"it returned {_kind(frames)}, which is not iterable") from None

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> NDArray[np.uint8]:
        try:
            frame = next(self._frames)
        except StopIteration:
            if self._drawn < self._clip.frames:
                raise self._fault(f"only {self._drawn} of {self._clip.frames} frames were yielded") from None
            raise
        except BaseException as error:
            if self._source.error is not None:
                raise self._source.error from None
            if passes(error):
                raise
            raise failed(self._plugin, "transform_frames", error) from error
        if (how := frame_fault(frame, (self._clip.height, self._clip.width))) is not None:
            raise self._fault(f"frame {self._drawn} is {how}")
        if self._drawn == self._clip.frames:
            raise self._fault(f"the clip has {self._clip.frames} frames, but more were yielded")
        self._drawn += 1
        return frame

    def _fault(self, how: str) -> BaseException:
        return contract_fault(self._plugin, "transform_frames", how)


def _synopsis_fault(before: Synopsis, after: Any) -> str | None:
    if not isinstance(after, Synopsis):
        return f"it returned {_kind(after)}, not a Synopsis"
    how = synopses.fault(after)
    return how and f"it {how}"


def _conditioning_fault(before: Conditioning, after: Any) -> str | None:
    if not isinstance(after, type(before)):
        return f"it returned {_kind(after)}, not a Conditioning"
    return next(
        (
            f"{name}: {fault}"
            for name in ("text", "negative", "bias")
            if (name != "bias" or before.bias is not None or after.bias is not None)
            and (fault := _tensor_fault(getattr(before, name), getattr(after, name)))
        ),
        None,
    )


def _tensor_fault(before: Tensor, after: Any) -> str | None:
    """Told without torch, which is loaded by whoever made the tensors."""
    if not isinstance(after, type(before)):
        return f"it returned {_kind(after)}, not a tensor"
    what, want = (f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}" for tensor in (after, before))
    return None if what == want else f"it returned {what} instead of {want}"


def _numbers_fault(before: Tensor, after: Any) -> str | None:
    """The same, and no number that the model could not go on with."""
    if (how := _tensor_fault(before, after)) is not None:
        return how
    return None if bool(after.isfinite().all()) else "it returned values that are not finite"


def _kind(value: object) -> str:
    return type(value).__name__
