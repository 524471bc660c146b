"""The captions of a synopsis, read by a pipeline's own text encoder and blended over the frames."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vstar_sdk import timeline
from vstar_sdk.errors import SamplerError
from vstar_sdk.sampling.conditioning import blend
from vstar_sdk.synopses import Synopsis
from vstar_sdk.timeline import Interpolation


class Captions:
    """A synopsis as text embeddings.

    Args:
        pipe: whose tokenizer and text encoder read the captions, now.
        synopsis: the key states.
        interpolation: how they are blended.
        fps: frames a second, for anchors in seconds.
    """

    def __init__(self, pipe: Any, synopsis: Synopsis, interpolation: Interpolation, fps: float) -> None:
        self._synopsis, self._fps = synopsis, fps
        self._interpolation: Interpolation = interpolation
        self._embeddings = _encode(pipe, synopsis.prompts())
        self._texts: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    def text(self, frames: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        """One embedding for each frame: ``(frames, tokens, dim)``.

        Raises:
            SpecError: the states do not fit into so many frames.
        """
        key = (frames, device, dtype)
        if key not in self._texts:
            self._texts[key] = self._blend(frames).to(device, dtype)
        return self._texts[key]

    def _blend(self, frames: int) -> Tensor:
        weights = timeline.build(self._synopsis.states, frames, self._fps, self._interpolation).weights
        return blend(weights, self._synopsis.prompts(), self._embeddings)


def tell(text: Tensor, given: Tensor, latents: Tensor, pipe: str) -> Tensor:
    """The text of every video and frame of a call, ``(videos, frames, tokens, dim)``; what the call says negatively stays.

    A call holds one video, or two under classifier-free guidance: the negative and then the positive branch of one, whose
    latents are the same. So two videos with the same latents are one under guidance; any others are several videos.

    Args:
        text: ``(frames, tokens, dim)``.
        given: the call's own embeddings, ``(videos or videos * frames, tokens, dim)``.
        latents: the call's, ``(videos, channels, frames, height, width)``.
        pipe: the pipeline's name, for messages.

    Raises:
        SamplerError: the call holds several videos, or its text is not of the synopsis's shape.
    """
    guided = len(latents) == 2 and torch.allclose(latents[0], latents[1], rtol=0.0, atol=0.0, equal_nan=True)
    if not guided and len(latents) != 1:
        raise SamplerError(
            f"{pipe} called its denoiser for {len(latents)} latents, which are not the two branches of one video, and a synopsis "
            "tells one video",
            hint="give it one prompt, and no num_videos_per_prompt above 1; call it once for each video",
        )
    if given.shape[-2:] != text.shape[-2:]:
        raise SamplerError(
            f"{pipe}'s own prompt has embeddings of {tuple(given.shape[-2:])} (tokens, channels); the synopsis's have "
            f"{tuple(text.shape[-2:])}",
            hint="give the pipeline a prompt as text, not as prompt_embeds of another length",
        )
    if not guided:
        return text[None]
    return torch.stack([given.unflatten(0, (2, -1))[0].expand_as(text), text])


@torch.no_grad()
def _encode(pipe: Any, prompts: Sequence[str]) -> Tensor:
    """Embeddings ``(prompts, tokens, dim)``, each prompt by itself, as Stable Diffusion's pipelines encode theirs."""
    tokenizer, encoder, device = pipe.tokenizer, pipe.text_encoder, pipe._execution_device
    masked = getattr(encoder.config, "use_attention_mask", None)
    embeddings: list[Tensor] = []
    for prompt in prompts:
        _warn_of_cut(tokenizer, prompt)
        # Textual inversion spreads a learned word over several tokens.
        written = pipe.maybe_convert_prompt(prompt, tokenizer) if hasattr(pipe, "maybe_convert_prompt") else prompt
        length = tokenizer.model_max_length
        tokens = tokenizer([written], padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        mask = tokens["attention_mask"].to(device) if masked else None
        embeddings.append(encoder(tokens["input_ids"].to(device), attention_mask=mask)[0].to(device, encoder.dtype))
    return torch.cat(embeddings)


def _warn_of_cut(tokenizer: Any, prompt: str) -> None:
    tokens = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    if lost := tokens[tokenizer.model_max_length - 2 :]:
        stop = tokenizer.decode(lost)
        warnings.warn(f"the text encoder does not see the end of '{prompt}': it stops before '{stop}'", UserWarning, stacklevel=7)
