"""Getting a chat model: its folder here or on the hub, its tokenizer with a chat template, its weights. Imports transformers."""

# pyright: standard
from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from vstar_sdk.errors import BackendError, MissingDependency, ModelError
from vstar_sdk.llm.faults import brief
from vstar_sdk.llm.local.options import TransformersOptions, is_path
from vstar_sdk.weights.devices import resolve_device, resolve_dtype
from vstar_sdk.weights.finding import NotGiven, snapshot
from vstar_sdk.weights.pretrained import load_pretrained

if TYPE_CHECKING:
    from vstar_sdk.resolver import Resolver

WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""Files of a hub repository that are fetched: no pickled weights and no code."""

UNWANTED = ("*/*",)
"""Folders of a hub repository hold the same weights for other programs."""


class Place(NamedTuple):
    """Where a model is, and where it runs.

    Attributes:
        folder: its files.
        name: what the transcript calls it: the folder's name, or the hub id and the commit.
        device: a torch device.
        dtype: precision of the weights.
    """

    folder: Path
    name: str
    device: str
    dtype: str


def locate(options: TransformersOptions, resolver: Resolver) -> Place:
    """Find the model's folder, downloading it only when it is named by a hub id that nobody has here.

    Raises:
        BackendError: there is no such folder, or the hub does not give it.
    """
    device = _device(resolver.device(options.device))
    dtype = resolve_dtype(options.dtype, device)
    if is_path(options.model):
        folder = Path(options.model).expanduser()
        if options.revision is not None:
            raise BackendError(
                f"{options.model} is a folder, so it has no revision '{options.revision}'",
                hint="remove synopsis.backend.revision, or use a hub id",
            )
        if not folder.is_dir():
            raise BackendError(
                f"there is no folder {folder} with a chat model",
                hint="check synopsis.backend.model: relative paths start at the current directory",
            )
        if not (folder / "config.json").is_file():
            raise BackendError(
                f"the folder {folder} has no transformers model: config.json is missing",
                hint="check synopsis.backend.model; for GGUF files use a server and the backend openai/chat",
            )
        return Place(folder, folder.resolve().name, device, dtype)
    known = resolver.asset(options.model) if options.revision is None else None
    if known is not None:
        return Place(known, options.model, device, dtype)
    folder = _download(options.model, options.revision)
    return Place(folder, f"{options.model}@{folder.name[:12]}", device, dtype)


def load(place: Place) -> tuple[Any, Any]:
    """The tokenizer and the model. Nothing is downloaded, no code of the folder is run, no pickled weights are read.

    Raises:
        BackendError: the folder holds no chat model that can be loaded.
        MissingDependency: transformers is too old.
    """
    tokenizer = _read(partial(AutoTokenizer.from_pretrained, local_files_only=True), place)
    if not getattr(tokenizer, "chat_template", None):
        raise _unfit(place, "its tokenizer has no chat template, so it cannot read messages")
    if "sanitize_control_tokens" not in inspect.signature(tokenizer.apply_chat_template).parameters:
        raise MissingDependency(
            "this version of transformers cannot keep control tokens out of a prompt", hint="pip install 'transformers>=5.23'"
        )
    network = partial(load_pretrained, AutoModelForCausalLM, dtype=getattr(torch, place.dtype), use_safetensors=True)
    return tokenizer, _moved(_read(network, place), place).eval()


def _read(loader: Callable[..., Any], place: Place) -> Any:
    try:
        return loader(place.folder, trust_remote_code=False)
    except Exception as error:  # whatever a damaged folder brings about, in many libraries
        problem = brief(error)
    raise _unfit(place, problem)


def _unfit(place: Place, problem: str) -> BackendError:
    return BackendError(
        f"{place.name} cannot be used as a chat model: {problem}",
        hint="choose an instruction-tuned model ('Instruct' or 'chat') in safetensors format",
    )


def _moved(model: Any, place: Place) -> Any:
    try:
        return model.to(place.device)
    except RuntimeError as error:  # out of memory, or a device that cannot be used
        problem = brief(error)
    raise BackendError(
        f"{place.name} does not fit on {place.device}: {problem}",
        hint="set synopsis.backend.device to cpu, or choose a smaller model",
    )


def _download(model: str, revision: str | None) -> Path:
    who = f"'{model}'" + (f" at '{revision}'" if revision else "")
    try:
        return snapshot(model, revision, WANTED, UNWANTED)
    except NotGiven as refused:
        hint = refused.hint or f"download it once (hf download {model}), or use a folder"
        problem = brief(refused.message)
    raise BackendError(f"the hub does not provide the model {who}: {problem}", hint=hint)


def _device(device: str) -> str:
    """``auto`` is a GPU if there is one."""
    try:
        return resolve_device(device)
    except ModelError as error:
        raise BackendError(error.message, hint="set synopsis.backend.device to auto or cpu") from None
