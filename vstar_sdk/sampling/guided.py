"""The guided prediction: the calls of the denoiser that a guidance needs, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.sampling.contract import RememberingGuidance

if TYPE_CHECKING:
    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.nursing import Nursing
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.sampling.contract import Guidance

GuidanceBatch = Literal["one", "two"]
"""Whether the branches of the guidance share one call of the denoiser (faster) or take one each (less memory).

The two differ in the last bits of the result, so it is chosen by the spec, never by what memory is free.
"""


class Guided:
    """A denoiser under guidance.

    Args:
        adapter: the loaded model.
        text: ``(frames, tokens, dim)``, one embedding for each frame.
        negative: ``(tokens, dim)``, shared by all frames.
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
        self._adapter, self._guidance, self._scale, self._batch = adapter, guidance, scale, batch
        self._names = [branch.name for branch in guidance.branches]
        self._prompted = tuple(branch.text == "prompt" for branch in guidance.branches)
        once = text if text.stride(0) else text[:1]  # a text that is one in memory for all frames stays one
        texts = {"prompt": once, "negative": negative.expand_as(once)}
        self._alone = text[None]
        stacked = torch.stack([texts[branch.text] for branch in guidance.branches]) if scale != 1.0 else once[None]
        self._texts = stacked.expand(-1, len(text), -1, -1)

    def __call__(self, latents: Tensor, timestep: Tensor, moment: Moment) -> Tensor:
        """Predict.

        Args:
            latents: ``(1, channels, frames, height, width)``, float32, as the denoiser takes them.
            timestep: as the scheduler gives it.
            moment: the step that is under way.
        """
        options = self._guidance.options
        if self._scale == 1.0 or moment.step not in steps_inside((options.start, options.stop), moment.steps):
            return self._denoise(latents, timestep, self._alone, (True,))
        if self._batch == "one":
            together = latents.expand(len(self._texts), *latents.shape[1:])
            predicted = self._denoise(together, timestep, self._texts, self._prompted)
        else:
            each = zip(self._texts, self._prompted, strict=True)
            predicted = torch.cat([self._denoise(latents, timestep, text[None], (prompted,)) for text, prompted in each])
        predictions = dict(zip(self._names, predicted.chunk(len(self._names)), strict=True))
        return self._guidance.combine(predictions, self._scale, moment)

    def _denoise(self, latents: Tensor, timestep: Tensor, texts: Tensor, prompted: tuple[bool, ...]) -> Tensor:
        """One call of the denoiser, which is told beforehand which of its videos the prompt conditions."""
        if self._nursing is not None:
            self._nursing.call(prompted, *latents.shape[-2:])
        return self._adapter.denoise(latents, timestep, texts)

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
