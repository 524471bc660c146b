"""A denoiser of a foreign pipeline while it is nursed: hooks around its calls, and processors at its sites."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from typing import Any, cast

import torch
from torch import nn

from vstar_sdk.attaching.captions import Captions, of_each_video, states_of_each_video
from vstar_sdk.attaching.moment import moment
from vstar_sdk.attaching.run_memories import RunMemories
from vstar_sdk.attention.nursing import Nursing, nurse
from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.attention.sites import fused_sites
from vstar_sdk.attention.telling import reading_sites
from vstar_sdk.attention.trial import check_effects
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.models.family import DenoiserCall, Family
from vstar_sdk.regularizers.contract import Regularizer
from vstar_sdk.weights.devices import check_fused


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
        memories: of the regularizers; one for all denoisers of the pipeline.
        fused: compute biases in a fused kernel.
    """

    def __init__(
        self,
        pipe: Any,
        denoiser: Any,
        family: Family,
        regularizers: tuple[Regularizer, ...],
        captions: Captions | None,
        fps: float,
        memories: RunMemories,
        *,
        fused: bool = False,
    ) -> None:
        self._pipe, self._denoiser, self._family = pipe, denoiser, family
        self._regularizers, self._captions, self._fps, self._memories = regularizers, captions, fps, memories
        self._readers = (
            family.text_sites(denoiser.config) if captions is not None and captions.bringing.part.reads == "states" else ()
        )
        sites = reading_sites(family.sites(denoiser.config), self._readers)
        self._sites, self._fused = fused_sites(sites) if fused else sites, fused
        self._most_frames = family.most_frames(denoiser)
        self._rhythm = family.rhythm(pipe)
        self._plans: dict[tuple[Clock, int], AttentionPlan] = {}
        self._current: tuple[Clock, int] | None = None
        self._nursing: Nursing | None = None
        self._open, self._whole, self._during = ExitStack(), ExitStack(), ExitStack()
        self.calls = 0

    def open(self) -> None:
        """Set the hooks. They are torch's own, which offloading leaves in their place."""
        with ExitStack() as opening:
            self._branches = opening.enter_context(self._family.branches(self._pipe, self._denoiser))
            before = self._denoiser.register_forward_pre_hook(self._before, with_kwargs=True)
            opening.callback(before.remove)
            opening.callback(self._denoiser.register_forward_hook(self._after, always_call=True).remove)
            self._open = opening.pop_all()

    def close(self) -> None:
        """Take everything off again."""
        self._open.close()
        self._during.close()
        self._whole.close()

    def _before(
        self, denoiser: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.calls += 1
        family, call = self._family, DenoiserCall(denoiser, args, kwargs)
        if self._fused:
            check_fused(str(call[family.latents].device), "fused")
        frames = family.latent_frames(call)
        self._check_frames(frames)
        clock = Clock.of_latents(frames, self._fps, self._rhythm)
        if self._regularizers or self._readers:
            now = moment(family.timestep_of(call, self._pipe.scheduler), self._pipe.scheduler)
            self._check_gradients((*args, *kwargs.values()))
            self._memories.follow(self._pipe.scheduler)
            nursing = self._nurse(clock, now.steps)
            nursing.at(now.step, now.steps, now.timestep)
            nursing.call(lambda: self._branches(call), *family.picture(call))
        if self._captions is not None and any(branches := self._branches(call)):
            given = family.text_of(call)
            text, name = self._captions.text(clock, given.device, given.dtype), type(self._pipe).__name__
            if text.bias is None:
                family.tell(self._during, denoiser, call, of_each_video(text.embeddings, given, branches, name))
            else:
                told = states_of_each_video(text.embeddings, text.bias, given, branches, name)
                family.tell_states(self._during, denoiser, call, *told)
        return call.arguments()

    def _after(self, denoiser: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """After every call, one that failed too."""
        del denoiser, args, output
        self._during.close()

    def _nurse(self, clock: Clock, steps: int) -> Nursing:
        """The nursing for a clip; processors stay until another number of frames comes, or the end."""
        if self._nursing is None or self._current != (clock, steps):
            self._whole.close()
            self._nursing = None
            plan = self._plans.get((clock, steps)) or self._plan(clock, steps)
            self._plans[clock, steps] = plan
            memories = self._memories.of(plan)
            self._nursing = self._whole.enter_context(nurse(self._denoiser, plan, self._family, memories=memories))
            self._current = (clock, steps)
        return self._nursing

    def _plan(self, clock: Clock, steps: int) -> AttentionPlan:
        plan, captions = plan_attention(self._sites, self._regularizers, clock, steps), self._captions
        check_effects(plan)
        if not self._readers or captions is None:
            return plan
        return captions.told(plan, self._readers)

    def _check_gradients(self, given: Iterable[object]) -> None:
        """Refuse a call that gradients would be asked of: nursed attention changes logits in place, and has none."""
        if not torch.is_grad_enabled():
            return
        tensors = (one for one in given if isinstance(one, torch.Tensor))
        if any(one.requires_grad for one in chain(tensors, self._denoiser.parameters())):
            raise SamplerError(
                f"{type(self._denoiser).__name__} was called with gradients on, and nursed attention computes none",
                hint="call the pipeline itself, or the network inside torch.no_grad() or torch.inference_mode()",
            )

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
    hooks = cast(dict[int, Any], denoiser._forward_pre_hooks)  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    if any(isinstance(getattr(hook, "__self__", None), Attached) for hook in hooks.values()):
        raise ModelError(
            f"attach is nested: the pipeline's {name} is already attached",
            hint="give one attach all regularizers and the synopsis",
        )
