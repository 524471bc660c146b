"""Reading a checkpoint without running anything in it: a pickle of PyTorch, or safetensors."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from vstar_sdk.errors import ModelError
from vstar_sdk.reading.files import check_regular

_CALLBACK = re.compile(r"(pytorch_lightning|lightning\.pytorch|lightning)\.callbacks(\.[a-z_0-9]+)*\.[A-Z]\w*")
"""Classes that a training framework keeps its own state under, as it does in a checkpoint that was saved while training."""

_AGAIN = "the file is damaged, or its download is not complete: fetch it again"


_LARGEST_PICKLE = 64 << 20
"""Bytes of the largest pickle that names tensors; VideoCrafter2's has half a megabyte."""


class Checkpoint(Protocol):
    """Tensors by name; only those that are asked for are read."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every tensor."""
        ...

    def tensor(self, key: str) -> Tensor:
        """One tensor, on the CPU; its memory may be the file itself."""
        ...


@contextmanager
def open_checkpoint(path: Path) -> Generator[Checkpoint]:
    """Open a checkpoint.

    Pickles are read with ``weights_only``; callback classes of the training framework become empty stand-ins, and a file that
    names anything else is refused.

    Args:
        path: a file of ``torch.save``, or ``.safetensors``.

    Raises:
        ModelError: there is no such file, it is damaged, or it names what no file of weights needs.
    """
    try:
        if path.is_dir():
            raise ModelError(f"{path}: is a folder, but a checkpoint file is needed", hint="name model.ckpt in it")
        check_regular(path)
        with path.open("rb") as file:
            begin = file.read(64)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file", hint="check the path") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}", hint="check the path") from None
    if begin.startswith((b"version https://git-lfs", b"<!DOCTYPE", b"<html", b"<!doctype")):
        raise ModelError(f"{path}: is a text file, not a checkpoint (perhaps a Git LFS pointer)", hint=_AGAIN)
    if path.suffix == ".safetensors":
        try:
            opened: Any = safe_open(path, framework="pt", device="cpu")
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: cannot be read: {error}", hint=_AGAIN) from None
        with opened as file:
            yield _Safetensors(file)
    else:
        yield _Pickle(_state(path, _load(path)))


class _Pickle:
    def __init__(self, state: dict[str, Tensor]) -> None:
        self._state = state
        self.shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}

    def tensor(self, key: str) -> Tensor:
        return self._state[key]


class _Safetensors:
    def __init__(self, file: Any) -> None:
        self._file = file
        self.shapes: dict[str, tuple[int, ...]] = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118

    def tensor(self, key: str) -> Tensor:
        return self._file.get_tensor(key)


def _load(path: Path) -> Any:
    """What a pickle holds, its tensors mapped into memory."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            begins_well = file.read(2) == b"PK"
        if begins_well or path.stat().st_size == 0:
            raise ModelError(f"{path}: is truncated", hint=_AGAIN)
        raise ModelError(
            f"{path}: is not a checkpoint of PyTorch 1.6 or later: it is not read",
            hint="a bare pickle can run code; get the checkpoint from its authors, or as safetensors",
        )
    _check_archive(path)
    try:
        named = sorted(get_unsafe_globals_in_checkpoint(path))
        strangers = [name for name in named if not _CALLBACK.fullmatch(name)]
        if strangers:
            raise ModelError(
                f"{path}: names {', '.join(strangers)}, which weights do not need: it is not read",
                hint="unpickling such a file can run code; get the checkpoint from its authors, or as safetensors",
            )
        with safe_globals([(_stand_in(name), name) for name in named]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except ModelError:
        raise
    except Exception as error:  # zipfile, pickle and torch raise many kinds for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: cannot be read: {reason}", hint=_AGAIN) from None


def _check_archive(path: Path) -> None:
    """Refuse an archive that unfolds: ``torch.save`` packs nothing, and its records say what the file holds.

    Raises:
        ModelError: a record is packed, is listed twice, or the pickle among them is larger than any that names tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}", hint=_AGAIN) from None
    packed = any(record.compress_type != zipfile.ZIP_STORED or record.file_size > record.compress_size for record in records)
    twice = len({record.filename for record in records}) < len(records)
    if packed or twice or sum(record.file_size for record in records) > path.stat().st_size:
        raise ModelError(
            f"{path}: expands to more than its own size: it is not read",
            hint="get the checkpoint from its authors, or as safetensors",
        )
    if any(record.file_size > _LARGEST_PICKLE for record in records if record.filename.endswith(".pkl")):
        raise ModelError(
            f"{path}: its pickle has more than {_LARGEST_PICKLE >> 20} MB besides the weights: it is not read",
            hint="get the checkpoint from its authors, or as safetensors",
        )


def _stand_in(name: str) -> type[Any]:
    """A class that takes anything and keeps nothing, under the name of another."""

    def __init__(self: object, *args: object, **kwargs: object) -> None: ...  # noqa: N807

    def __setstate__(self: object, state: object) -> None: ...  # noqa: N807

    module, _, own = name.rpartition(".")
    return type(own, (), {"__module__": module, "__init__": __init__, "__setstate__": __setstate__})


def _state(path: Path, root: Any) -> dict[str, Tensor]:
    """The weights in a checkpoint: under ``state_dict``, or all of it."""
    state: Any = cast(dict[Any, Any], root).get("state_dict", root) if isinstance(root, dict) else root
    if not isinstance(state, dict) or not state:
        raise ModelError(f"{path}: holds no weights (no state_dict)", hint="this is another kind of file: use model.ckpt")
    weights = cast(dict[Any, Any], state)
    for key, value in weights.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise ModelError(
                f"{path}: holds {key!r}, a {type(value).__name__}, among its weights", hint="this is another kind of file"
            )
    return weights
