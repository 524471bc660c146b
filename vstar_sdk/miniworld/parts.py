"""The embedded model and its writer, offered like the parts of any plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import vocabulary
from vstar_sdk.miniworld.source import MiniworldSource
from vstar_sdk.miniworld.writer import write
from vstar_sdk.models.facts import Preset
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.synopsis.contract import Brief

WEIGHTS = Path(__file__).parent / "weights"
"""The model, in diffusers format."""


class MiniworldWriterOptions(Options):
    """Options of the synopsis part ``miniworld``."""

    states: int | None = Field(default=None, ge=1, le=64)
    """How many key states; default: one for each stage that the prompt passes."""


def miniworld(options: FramewiseOptions) -> MiniworldSource:
    """The embedded model."""
    return MiniworldSource(
        directory=WEIGHTS,
        name="miniworld",
        frames=64,
        lengths=(1, 256),
        fps=8.0,
        steps=25,
        guidance=4.0,
        presets={"fast": Preset("unipc", 12), "draft": Preset("unipc", 6)},
        vocabulary=vocabulary(),
        options=options,
    )


class MiniworldWriter:
    """Writes key states with the world's own grammar: no language model, no network."""

    offline = True

    def __init__(self, options: MiniworldWriterOptions) -> None:
        self.options = options

    def write(self, brief: Brief) -> Synopsis:
        """Read the prompt and write its key states.

        Raises:
            SpecError: the prompt has no scene of the world (the hint lists them), or more states than the clip has frames.
        """
        try:
            synopsis = write(brief.prompt, self.options.states)
        except SpecError as error:
            raise SpecError(error.message, hint=error.hint, path=error.path or ("prompt",)) from None
        if self.options.states is None and len(synopsis.states) > brief.frames:
            raise SpecError(
                f"the prompt's {len(synopsis.states)} key states do not fit into {brief.frames} "
                f"{'frame' if brief.frames == 1 else 'frames'}",
                hint=f"make at least {len(synopsis.states)} frames, or fewer states: --set synopsis.states={brief.frames}",
                path=("prompt",),
            )
        return synopsis

    def close(self) -> None:
        """Nothing to release."""


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "miniworld",
        options=FramewiseOptions,
        factory=miniworld,
        summary="The embedded model: small scenes that change; runs on a CPU, needs no download.",
    )


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer the writer."""
    register(
        "miniworld",
        options=MiniworldWriterOptions,
        factory=MiniworldWriter,
        summary="Writes states for the embedded model from an ordinary prompt, offline.",
    )
