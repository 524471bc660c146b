"""One call of a network of ComfyUI, its arguments by name, and the moment that it stands for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from vstar_sdk import SamplerError

OPTIONS = "transformer_options"


class Call:
    """The arguments of one call of a diffusion model, as a wrapper of ComfyUI is given them.

    Args:
        forward: the method that is called at last.
        args: positional arguments.
        kwargs: named arguments.
    """

    def __init__(self, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        signature = inspect.signature(forward)
        self._bound = signature.bind(*args, **kwargs)
        more = [one.name for one in signature.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
        self._more = more[0] if more else None

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or a default where it was not given."""
        arguments = self._bound.arguments
        if name in arguments:
            return arguments[name]
        return arguments.get(self._more, {}).get(name, default) if self._more else default

    def set(self, **changes: Any) -> None:
        """Change arguments of the method's own names."""
        self._bound.arguments.update(changes)

    @property
    def options(self) -> dict[str, Any]:
        """ComfyUI's ``transformer_options``."""
        return self.get(OPTIONS) or {}

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments."""
        return self._bound.args, self._bound.kwargs

    def timestep(self) -> float:
        """On the model's scale."""
        return float(self.get("timestep", self.get("timesteps")).max())

    def prompted(self, rows: int = 1) -> tuple[bool, ...]:
        """For each video of the call, whether the prompt conditions it.

        Args:
            rows: of the batch, that are one video.
        """
        videos = len(self.get("x")) // rows
        chunks: list[int] = self.options.get("cond_or_uncond") or [0]
        return tuple(chunk == 0 for chunk in chunks for _ in range(videos // len(chunks)))

    def step(self) -> tuple[int, int]:
        """The step of the schedule, from 0, and how many there are.

        A sampler that calls the network between two sigmas of the schedule does so in the step of the first of them.

        Raises:
            SamplerError: ComfyUI does not say the schedule.
        """
        schedule, now = self.options.get("sample_sigmas"), self.options.get("sigmas")
        if schedule is None or now is None or len(schedule) < 2:
            raise SamplerError(
                "the model was called outside of a sampler of ComfyUI, and so the step is not known",
                hint="use KSampler, SamplerCustom or a sampler that sets sample_sigmas",
            )
        sigma, sigmas = float(now.max()), [float(one) for one in schedule]
        begun = [step for step, one in enumerate(sigmas[:-1]) if one >= sigma * (1.0 - 1e-5)]
        return (begun[-1] if begun else 0), len(sigmas) - 1
