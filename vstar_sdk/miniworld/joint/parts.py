"""The joint sibling, offered like the parts of any plugin once its weights are in the package."""

from __future__ import annotations

from pathlib import Path

from vstar_sdk.miniworld.joint.source import NETWORK, MiniworldDitOptions, MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS as BASE
from vstar_sdk.miniworld.parts import MiniworldWriter, MiniworldWriterOptions
from vstar_sdk.parts import Register, RegisterFamily, hookimpl

WEIGHTS = Path(__file__).parent / "weights"
"""``transformer`` and ``scheduler``, made by ``training.export_dit``."""


def miniworld_dit(options: MiniworldDitOptions) -> MiniworldDitSource:
    """The joint sibling of the embedded model."""
    return MiniworldDitSource(directory=WEIGHTS, base=BASE, options=options)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model, if it is there: a package built before its training was done has none."""
    if WEIGHTS.is_dir():
        register(
            "miniworld-dit",
            options=MiniworldDitOptions,
            factory=miniworld_dit,
            summary="The embedded model's joint sibling: all frames share one attention, as in the transformers of the field.",
        )


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register(NETWORK, family="vstar_sdk.miniworld.joint.family:MINIWORLD_TRANSFORMER")


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer miniworld's writer as the model's own."""
    if WEIGHTS.is_dir():
        register(
            "miniworld-dit",
            options=MiniworldWriterOptions,
            factory=MiniworldWriter,
            summary="Writes states for the embedded model's joint sibling from an ordinary prompt, offline.",
        )
