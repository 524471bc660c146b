"""The tokenizer that VideoCrafter2's checkpoint does not hold: CLIP's, as OpenCLIP uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from vstar_sdk.errors import ModelError
from vstar_sdk.reach import is_path
from vstar_sdk.weights.finding import NotGiven, local_path, snapshot

DEFAULT = "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41"
"""CLIP's usual byte-pair vocabulary of 49,408 tokens."""

_OTHER = "set --tokenizer to the folder of a CLIP tokenizer, such as that of Stable Diffusion 1.5"
_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")


def find_tokenizer(reference: str, size: int, length: int) -> tuple[Any, str]:
    """CLIP's tokenizer, set up as OpenCLIP uses it: padded with the token 0.

    Args:
        reference: a folder, a hub id, or ``ID@REVISION``.
        size: of the vocabulary that the text encoder has embeddings for.
        length: tokens of a text.

    Returns:
        The tokenizer, and what it came from: the folder, or the hub id and the commit.

    Raises:
        ModelError: it cannot be had, or is not of this vocabulary.
    """
    folder, name = _folder(reference)
    # With no files at all the library makes a tokenizer of two tokens.
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.json").is_file():
        raise ModelError(f"{name}: has no CLIP tokenizer (tokenizer.json or vocab.json)", hint=_OTHER)
    try:
        library: Any = CLIPTokenizer
        tokenizer: Any = library.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged folder brings about
        raise ModelError(f"{name}: has no CLIP tokenizer: {error}", hint=_OTHER) from None
    if len(tokenizer) != size:
        raise ModelError(
            f"the tokenizer {name} has {len(tokenizer):,} tokens, but the checkpoint's text encoder has {size:,}",
            hint=f"use CLIP's usual vocabulary: --tokenizer {DEFAULT.partition('@')[0]}",
        )
    tokenizer.model_max_length = length
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    return tokenizer, name


def _folder(reference: str) -> tuple[Path, str]:
    local = local_path(reference)
    if is_path(reference) or (local is not None and local.is_dir()):
        if local is None or not local.is_dir():
            raise ModelError(f"{reference}: there is no such folder with a tokenizer", hint="check --tokenizer")
        return local, str(local)
    model, _, revision = reference.partition("@")
    try:
        folder = snapshot(model, revision or None, _FILES, ("*/*",))
    except NotGiven as refused:
        raise ModelError(
            f"the tokenizer {model} cannot be loaded: {refused.message}",
            hint=_OTHER,
        ) from None
    return folder, f"{model}@{folder.name}"
