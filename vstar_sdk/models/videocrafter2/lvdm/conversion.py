"""Writing VideoCrafter2 as a directory in diffusers format: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import save_torch_state_dict
from safetensors import SafetensorError

from vstar_sdk.errors import ModelError, OutputError
from vstar_sdk.models.videocrafter2.lvdm.architecture import SCHEDULER
from vstar_sdk.models.videocrafter2.lvdm.card import card
from vstar_sdk.models.videocrafter2.lvdm.fps import FILE, FOLDER
from vstar_sdk.models.videocrafter2.lvdm.reading import Component, Reading, read_checkpoint
from vstar_sdk.models.videocrafter2.lvdm.tokenizer import DEFAULT, find_tokenizer

FORMAT = 1
"""Of what is written; part of the name of a conversion that is kept in the cache."""

_SHARD = "1GB"  # weights are put into memory by the file, so that files are small rather than few
_FILES = {
    "unet": "diffusion_pytorch_model{suffix}.safetensors",
    "vae": "diffusion_pytorch_model{suffix}.safetensors",
    "text_encoder": "model{suffix}.safetensors",
    FOLDER: FILE.replace(".safetensors", "{suffix}.safetensors"),
}
_INDEX = {
    "_class_name": "TextToVideoSDPipeline",
    "scheduler": ["vstar_sdk", "ScaledDDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet3DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def convert(
    checkpoint: Path,
    out: Path,
    tokenizer: str | None = None,
    *,
    without_scale: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Convert the official checkpoint into a directory that runs from a prompt with no other file.

    The weights keep their precision. The directory appears at the end, whole: it is written next to its place and renamed.

    Args:
        checkpoint: ``model.ckpt``, or the same tensors as safetensors.
        out: the directory; it must not exist.
        tokenizer: folder or hub id of a CLIP tokenizer; None for the usual one.
        without_scale: take a checkpoint whose noise schedule has no signal scale for VideoCrafter2 all the same.
        report: told what is being done, line by line.

    Raises:
        ModelError: the checkpoint or the tokenizer cannot be used.
        OutputError: the directory exists, or cannot be written.
    """
    _check_free(out)
    report(f"reading {checkpoint}")
    with read_checkpoint(checkpoint, without_scale=without_scale) as reading:
        text = reading.text.config
        found = find_tokenizer(tokenizer or DEFAULT, text["vocab_size"], text["max_position_embeddings"])
        report("hashing it")
        sha256 = file_hash(checkpoint)
        with _appearing(out) as directory:
            _write(reading, directory, *found, {"file": checkpoint.name, "sha256": sha256}, report)
    report(f"wrote {out}")


def _check_free(out: Path) -> None:
    """Refuse a directory that cannot be made, before anything is read."""
    parent = out.absolute().parent
    try:
        if not out.name or out.exists() or out.is_symlink():
            raise OutputError(f"'{out}' exists already", hint="choose another directory, or remove this one")
        if not parent.is_dir():
            raise OutputError(f"{out}: there is no folder {parent}", hint="create it, or choose another directory")
        if not os.access(parent, os.W_OK):
            raise OutputError(f"{out} cannot be written: no permission to write into {parent}", hint="choose another directory")
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}", hint="choose another directory") from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None


def _write(
    reading: Reading,
    directory: Path,
    tokenizer: Any,
    tokenizer_name: str,
    origin: Mapping[str, str],
    report: Callable[[str], None],
) -> None:
    for component in reading.components:
        _write_component(component, reading, directory / component.name, report, tokenizer)
    report(f"tokenizer: {tokenizer_name}")
    tokenizer.save_pretrained(directory / "tokenizer")
    _write_json(directory / "scheduler" / "scheduler_config.json", SCHEDULER)
    _write_json(directory / "model_index.json", _INDEX)
    (directory / "README.md").write_text(card(origin["file"], origin["sha256"], tokenizer_name), encoding="utf-8")


def _write_component(component: Component, reading: Reading, folder: Path, report: Callable[[str], None], tokenizer: Any) -> None:
    tensors = component.tensors(reading.checkpoint)
    odd = next((name for name, tensor in tensors.items() if not tensor.is_floating_point()), None)
    if odd is not None:
        key = component.prefix + component.sources[odd].key
        raise ModelError(
            f"the key {key} holds {tensors[odd].dtype}, which is not a type of weights", hint="fetch the checkpoint again"
        )
    size = sum(tensor.nbytes for tensor in tensors.values())
    report(f"{component.name}: {len(tensors):,} tensors, {size / 1e6:,.0f} MB")
    config = dict(component.config)
    if component.name == "text_encoder":
        config |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        tensors = {f"text_model.{name}": tensor for name, tensor in tensors.items()}  # as every published CLIP has them
    _write_json(folder / "config.json", config)
    save_torch_state_dict(
        tensors, folder, filename_pattern=_FILES[component.name], max_shard_size=_SHARD, metadata={"format": "pt"}
    )
    for file in folder.glob("*.safetensors"):
        file.chmod((folder / "config.json").stat().st_mode)  # the library lets nobody else read them


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _appearing(out: Path) -> Generator[Path]:
    """A directory next to ``out`` that takes its name once all is well, and is gone otherwise."""
    try:
        hidden = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.absolute().parent))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}", hint="choose another directory") from None
    try:
        content = hidden / "content"  # made by mkdir, with ordinary permissions
        content.mkdir()
        yield content
        if out.exists():
            raise OutputError(
                f"{out} was created by another program in the meantime", hint="choose another directory, or remove this one"
            )
        os.rename(content, out)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{out} cannot be written: {reason}", hint="is the disk full?") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
