"""A denoiser of a foreign pipeline while it is nursed: hooks around its calls, and processors at its sites."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from vstar_sdk.attaching.call import Call, moment
from vstar_sdk.attaching.captions import Captions, tell
from vstar_sdk.attaching.families import Family
from vstar_sdk.attention.nursing import Nursing, nurse
from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.regularizers.contract import Regularizer


class Attached:
    """Hooks on one denoiser; made and closed by `vstar_sdk.attach`.

    Everything that a call needs is read from its arguments: the frames, the moment, and which branches it holds.

    Args:
        pipe: the pipeline.
        denoiser: one of its components.
        family: of the denoiser.
        regularizers: act on its temporal attention.
        captions: tell every frame its text; None leaves the pipeline's own.
        fps: frames a second, for durations in seconds.
    """

    def __init__(
        self,
        pipe: Any,
        denoiser: Any,
        family: Family,
        regularizers: tuple[Regularizer, ...],
        captions: Captions | None,
        fps: float,
    ) -> None:
        self._pipe, self._denoiser, self._family = pipe, denoiser, family
        self._regularizers, self._captions, self._fps = regularizers, captions, fps
        self._sites, self._most_frames = family.sites(denoiser.config), family.most_frames(denoiser)
        self._plans: dict[tuple[int, int], AttentionPlan] = {}
        self._current: tuple[int, int] | None = None
        self._nursing: Nursing | None = None
        self._whole, self._during = ExitStack(), ExitStack()
        self.calls = 0

    def open(self) -> None:
        """Set the hooks. They are torch's own, which offloading leaves in their place."""
        self._hooks = [
            self._denoiser.register_forward_pre_hook(self._before, with_kwargs=True),
            self._denoiser.register_forward_hook(self._after, always_call=True),
        ]

    def close(self) -> None:
        """Take everything off again."""
        for hook in self._hooks:
            hook.remove()
        self._during.close()
        self._whole.close()

    def _before(
        self, denoiser: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.calls += 1
        call = Call(denoiser, args, kwargs)
        latents: Tensor = call[self._family.latents]
        frames = latents.shape[2]
        self._check_frames(frames)
        if self._regularizers:
            step, steps = moment(call["timestep"], self._pipe.scheduler)
            self._nurse(frames, steps).at(step, steps)
        if self._captions is not None:
            given: Tensor = call["encoder_hidden_states"]
            text = tell(self._captions.text(frames, given.device, given.dtype), given, latents, type(self._pipe).__name__)
            self._family.tell(self._during, denoiser, call, text)
        return call.arguments()

    def _after(self, denoiser: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """After every call, one that failed too."""
        del denoiser, args, output
        self._during.close()

    def _nurse(self, frames: int, steps: int) -> Nursing:
        """The nursing for a clip of so many frames; processors stay until another number of frames comes, or the end."""
        if self._nursing is None or self._current != (frames, steps):
            self._whole.close()
            self._nursing = None
            plan = self._plans.get((frames, steps)) or plan_attention(
                self._sites, self._regularizers, Clock(frames, self._fps), steps
            )
            self._plans[frames, steps] = plan
            self._nursing = self._whole.enter_context(nurse(self._denoiser, plan))
            self._current = (frames, steps)
        return self._nursing

    def _check_frames(self, frames: int) -> None:
        most = self._most_frames
        if most is not None and frames > most:
            raise SamplerError(
                f"{type(self._denoiser).__name__} has positions for {most} frames, and the pipeline makes {frames}",
                hint=f"make at most {most} frames; the model 'animatediff' of a spec goes beyond",
            )


def check_unattached(name: str, denoiser: nn.Module) -> None:
    """Refuse to attach to a denoiser twice at a time.

    Raises:
        ModelError: it is attached already.
    """
    if any(isinstance(getattr(hook, "__self__", None), Attached) for hook in denoiser._forward_pre_hooks.values()):
        raise ModelError(
            f"attach is nested: the pipeline's {name} is attached already",
            hint="give one attach all regularizers and the synopsis",
        )
