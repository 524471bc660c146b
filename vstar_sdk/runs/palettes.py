"""How the latents of models look, kept in the cache between processes, so that only a decoder's first runs have to find out."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from torch import nn

from vstar_sdk import caches
from vstar_sdk.previews import Palette, Sums

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter

_TOLD = 4
"""Numbers of each tensor that tell one decoder from another."""
_log = logging.getLogger(__name__)


@runtime_checkable
class WithDecoder(Protocol):
    """An adapter that shows its decoder."""

    @property
    def vae(self) -> nn.Module:
        """It, on any device, with a ``config``."""
        ...


class _Kept(BaseModel):
    """`Sums` as JSON."""

    model_config = ConfigDict(extra="forbid")

    clips: int = Field(ge=1)
    inputs: list[list[FiniteFloat]]
    outputs: list[list[FiniteFloat]]


def palette_of(adapter: Adapter) -> Palette:
    """What earlier processes found of how a model's latents look; what this one finds is kept.

    Nothing is kept of an adapter that does not show its decoder.

    Args:
        adapter: of a loaded model.
    """
    if not isinstance(adapter, WithDecoder):
        return Palette()
    try:
        file = caches.cache_folder("previews") / f"{fingerprint(adapter.vae)}.json"
    except OSError:
        return Palette()
    channels = adapter.latent_shape(adapter.facts.frames, adapter.facts.height, adapter.facts.width)[1]
    return Palette(_read(file, channels + 1), partial(_write, file))


def fingerprint(vae: nn.Module) -> str:
    """Changes with a decoder's class, configuration and weights, of which it reads a few numbers each."""
    config: Mapping[str, Any] = getattr(vae, "config", {})
    settings = sorted((name, repr(value)) for name, value in config.items() if not name.startswith("_"))
    about = repr([type(vae).__qualname__, settings]).encode()
    numbers = torch.cat([tensor.detach().flatten()[:_TOLD].float() for tensor in vae.parameters()])
    return hashlib.sha256(about + numbers.cpu().numpy().tobytes()).hexdigest()[:40]


def _read(file: Path, rows: int) -> Sums | None:
    try:
        kept = _Kept.model_validate_json(file.read_bytes())
        inputs, outputs = np.array(kept.inputs), np.array(kept.outputs)
    except (OSError, ValueError):  # not there, or damaged: then it is found again
        return None
    return Sums(kept.clips, inputs, outputs) if (inputs.shape, outputs.shape) == ((rows, rows), (rows, 3)) else None


def _write(file: Path, sums: Sums) -> None:
    try:
        kept = {"clips": sums.clips, "inputs": sums.inputs.tolist(), "outputs": sums.outputs.tolist()}
        caches.write(file, json.dumps(kept))
    except OSError as error:
        _log.debug("how the model's latents look is not stored: %s", error)
