"""``MiniMaxH3Transformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import DenoiserCall, Family
from vstar_sdk.models.minimax_h3.processor import MiniMaxH3Processor, minimax_h3_processor
from vstar_sdk.models.minimax_h3.sequence import TEXT, Places, generated, retold
from vstar_sdk.models.minimax_h3.sites import PATCH, RHYTHM, minimax_h3_sites, minimax_h3_text_sites
from vstar_sdk.models.minimax_h3.text import TOKENS, cut_off, padded, states_told_apart, unpadded


class MiniMaxH3Family(Family):
    """Text, sound and video are one sequence, whose places the network is given; guidance is baked in: there is one branch."""

    one_text = True
    companions = Family.companions | {"audio_vae"}

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return minimax_h3_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return minimax_h3_text_sites(config)

    def processor(self, attn: Any, site: Site) -> MiniMaxH3Processor:
        """See `Family.processor`."""
        return minimax_h3_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: 17 frames in five latent frames, and five more in two."""
        del pipe
        return RHYTHM

    def latent_frames(self, call: DenoiserCall) -> int:
        """See `Family.latent_frames`: those that are made, by their places in time."""
        return generated(_places(call))[0]

    def timestep_of(self, call: DenoiserCall, scheduler: Any) -> Any:
        """See `Family.timestep_of`: a call has several, and the last token is of the video that is made."""
        del scheduler
        return call[self.timestep][call["timestep_indices"][-1]]

    def picture(self, call: DenoiserCall) -> tuple[int, int]:
        """See `Family.picture`."""
        _, rows, columns = generated(_places(call))
        return rows * PATCH, columns * PATCH

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: a hidden state of the text encoder, see `padded`."""
        tokenizer, encoder = text_encoder_of(pipe)
        reading: Any = import_module("diffusers.modular_pipelines.minimax_h3.encoders")
        read: list[Tensor] = []
        for caption in captions:
            tokens = tokenizer(caption, add_special_tokens=False)["input_ids"][:TOKENS]
            device = pipe._execution_device
            layer = pipe.text_encoder_layer
            read.append(
                reading.get_qwen3vl_prompt_embeds(encoder, pipe.processor, tokens, {}, layer, device=device, dtype=encoder.dtype)
            )
        return torch.cat([padded(one) for one in read])

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: padded. What is longer than key states may be is cut: it is not read again."""
        given: Tensor = call[self.text]
        return padded(given[:, :TOKENS])

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: all frames read the one text."""
        self._tell(during, denoiser, call, text_of_all_frames(text, type(denoiser).__name__))

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`: the states' tokens one after the other, each text in its own place before the video."""
        del nearest
        self._tell(during, denoiser, call, text[0])

    def _tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """Put texts ``(texts, 2048, dim + 1)`` in the place of the call's own.

        Raises:
            SamplerError: the call's text holds pictures.
        """
        given = _places(call)
        if bool((given.token_tags[given.text_indices] != TEXT).any()):
            raise SamplerError(
                "the prompt holds pictures, as MiniMax-H3 reads keyframes and references, and a synopsis would replace them",
                hint="omit the synopsis (regularizers act all the same), or the pictures",
            )
        texts = unpadded(text)
        counts = [one.shape[1] for one in texts]
        told, old, times = retold(given, counts), len(given.text_indices), call["timestep_indices"]
        if len(texts) > 1:
            frames, rows, columns = generated(told)
            during.enter_context(
                states_told_apart(denoiser, counts, len(told.token_tags) - sum(counts) - frames * rows * columns)
            )
        call.set(
            **{self.text: torch.cat(texts, dim=1)},
            timestep_indices=torch.cat([times[-1:].expand(sum(counts)), times[old:]]),
            **told._asdict(),
        )


def _places(call: DenoiserCall) -> Places:
    return Places(*(call[name] for name in Places._fields))


MINIMAX_H3 = MiniMaxH3Family()
