"""What the part ``transformers`` is told. Imports no torch."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from vstar_sdk.options import ModelOptions
from vstar_sdk.reach import File, Reached, Reaches, Repository

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def is_path(model: str) -> bool:
    """Whether a model is named by its folder."""
    return model.startswith(("./", "../", "~")) or Path(model).is_absolute()


def _reached(model: str, _: Path | None) -> Reached:
    return File(Path(os.path.expanduser(model))) if is_path(model) else Repository(model)


class TransformersOptions(ModelOptions):
    """A chat model that runs here, and leaves the memory before the video is sampled."""

    model: Annotated[str, Reaches(_reached)] = Field(min_length=1, max_length=500, examples=["Qwen/Qwen3-0.6B"])
    """Its folder, which begins with `./`, `../`, `~` or `/`; or its hub id, such as `Qwen/Qwen3-0.6B`."""
    revision: str | None = Field(default=None, min_length=1, max_length=200)
    """Branch, tag or commit of a hub id; a commit pins the model."""
    max_new_tokens: int | None = Field(default=None, ge=16, le=1_000_000)
    """Limit of tokens for one answer. Default: 2,048."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 always takes the likeliest token."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the sampling, where the temperature is above 0."""
    timeout: float = Field(default=600.0, gt=0, le=86_400)
    """Seconds for one answer, without the time to load the model."""
    constrain: Literal["auto", "always", "never"] = "auto"
    """Whether only tokens that fit the answer's JSON Schema can be chosen, which needs `llguidance`
    (`pip install llguidance`). `auto` does so when it is installed, and warns when it is not."""
    keep: bool = False
    """Keep the model in memory after the story is written, for the next run of this process."""

    @field_validator("model")
    @classmethod
    def _path_or_id(cls, model: str) -> str:
        if not is_path(model) and not _HUB_ID.fullmatch(model):
            raise ValueError("write the path of a folder, which begins with ./ or /, or a hub id such as Qwen/Qwen3-0.6B")
        return model

    def tokens(self, wanted: int) -> int:
        """Tokens that one answer may have: `max_new_tokens`, or where that is left out what is wanted, up to 2,048."""
        return min(wanted, 2048) if self.max_new_tokens is None else self.max_new_tokens
