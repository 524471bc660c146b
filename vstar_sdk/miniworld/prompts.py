"""Prompts as the embedded model reads them, with its tokenizer's file alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.clip_text import ClipText


@dataclass(frozen=True)
class Prompts(ClipText):
    """A `ClipText` whose tokenizer is the ``tokenizers`` library's: it pads and cuts as its file says."""

    def _encode(self, prompt: str) -> Tensor:
        tokens = torch.tensor([self.tokenizer.encode(prompt).ids], device=self.placement.device)
        return self.encoder(tokens)

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the encoder does not see; "" when it sees all."""
        most = self.tokenizer.truncation["max_length"] - 2  # two are the tokens of start and end
        tokens = self._unbounded.encode(prompt, add_special_tokens=False).ids[most:]
        return self._unbounded.decode(tokens, skip_special_tokens=False).replace("</w>", " ").strip()

    @cached_property
    def _unbounded(self) -> Any:
        """The tokenizer without padding and truncation."""
        tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def load_tokenizer(file: Path) -> Tokenizer:
    """The tokenizer of a file.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exceptions
        raise ModelError(f"{file}: cannot be read: {error}", hint="reinstall the package vstar-sdk") from error
