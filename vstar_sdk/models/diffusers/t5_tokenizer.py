"""The tokenizer of T5, which many pipelines hold in sentencepiece's own format alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from vstar_sdk.errors import MissingDependency
from vstar_sdk.weights.components import load_component


def load_t5_tokenizer(directory: Path, name: str = "tokenizer") -> Any:
    """Load the tokenizer of a pipeline.

    Args:
        directory: of the pipeline.
        name: of its folder.

    Raises:
        ModelError: it is missing or damaged.
        MissingDependency: it is in a format that a package must be installed for.
    """
    folder = directory / name
    if (folder / "spiece.model").exists() and not (folder / "tokenizer.json").exists() and find_spec("sentencepiece") is None:
        raise MissingDependency(
            f"{folder}: the tokenizer is a sentencepiece model (spiece.model)", hint="pip install sentencepiece protobuf"
        )
    return load_component(AutoTokenizer, directory, name)
