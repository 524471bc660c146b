"""The guided prediction: the calls of the denoiser that a guidance needs, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from vstar_sdk.models.contract import RunningAdapter
from vstar_sdk.sampling.contract import UNGUIDED, RememberingGuidance, branches_at

if TYPE_CHECKING:
    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.nursing import Nursing
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.sampling.contract import Branch, Guidance

GuidanceBatch = Literal["one", "two"]
"""Whether the branches of the guidance share one call of the denoiser (faster) or take one each (less memory).

The two differ in the last bits of the result, so it is chosen by the spec, never by what memory is free.
"""


def _as_it_is(branches: Sequence[str]) -> AbstractContextManager[None]:
    """A call that needs no more."""
    del branches
    return nullcontext()


class Guided:
    """A denoiser under guidance.

    Args:
        adapter: the loaded model.
        text: ``(frames, tokens, dim)``, one embedding for each latent frame; or ``(1, states * tokens, dim)``, the text of all
            key states, which all frames read.
        negative: of the negative prompt, as many tokens: ``(tokens, dim)``, shared by all frames.
        guidance: combines the branches.
        scale: of the guidance; at 1 the prompt's branch counts alone.
        batch: one call for all branches, or one each.
        nursing: told of the layout of every call; None leaves the attention as it is.
    """

    def __init__(
        self,
        adapter: Adapter,
        text: Tensor,
        negative: Tensor,
        guidance: Guidance,
        scale: float,
        batch: GuidanceBatch,
        nursing: Nursing | None = None,
    ) -> None:
        self._nursing = nursing
        self._calling = adapter.calling if isinstance(adapter, RunningAdapter) else _as_it_is
        self._adapter, self._guidance, self._scale, self._batch = adapter, guidance, scale, batch
        self._named = any(branch.operations for branch in guidance.branches)
        once = text if text.stride(0) else text[:1]  # a text that is one in memory for all frames stays one
        self._frames, self._texts = len(text), {"prompt": once, "negative": negative.expand_as(once)}
        self._stacked: dict[tuple[Branch, ...], Tensor] = {}

    def __call__(self, latents: Tensor, timestep: Tensor, moment: Moment) -> Tensor:
        """Predict.

        Args:
            latents: ``(1, channels, frames, height, width)``, float32, as the denoiser takes them.
            timestep: as the scheduler gives it.
            moment: the step that is under way.
        """
        branches = branches_at(self._guidance, self._scale, moment.step, moment.steps)
        if branches is UNGUIDED:
            return self._denoise(latents, timestep, branches)
        if self._batch == "one":
            predicted = self._denoise(latents.expand(len(branches), *latents.shape[1:]), timestep, branches)
        else:
            predicted = torch.cat([self._denoise(latents, timestep, (branch,)) for branch in branches])
        predictions = dict(zip((branch.name for branch in branches), predicted.chunk(len(branches)), strict=True))
        return self._guidance.combine(predictions, self._scale, moment)

    def _denoise(self, latents: Tensor, timestep: Tensor, branches: tuple[Branch, ...]) -> Tensor:
        """One call of the denoiser, which is told beforehand which of its videos the prompt conditions, and what they are."""
        if self._nursing is not None:
            height, width = latents.shape[-2:]
            names = tuple(branch.name for branch in branches) if self._named else ()
            self._nursing.call(tuple(branch.text == "prompt" for branch in branches), height, width, names=names)
        if branches not in self._stacked:
            stacked = torch.stack([self._texts[branch.text] for branch in branches])
            self._stacked[branches] = stacked.expand(-1, self._frames, -1, -1)
        with self._calling([branch.name for branch in branches]):
            return self._adapter.denoise(latents, timestep, self._stacked[branches])

    def begin(self) -> None:
        """The schedule begins: a guidance with memory forgets."""
        if isinstance(self._guidance, RememberingGuidance):
            self._guidance.begin()

    def state(self) -> Mapping[str, Any]:
        """What the guidance remembers."""
        return self._guidance.state() if isinstance(self._guidance, RememberingGuidance) else {}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Have the guidance remember what `state` gave."""
        if isinstance(self._guidance, RememberingGuidance):
            self._guidance.resume(state)
