"""``none``: the prompt alone, for every frame. What the model makes without key states: the baseline of every comparison."""

from __future__ import annotations

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.synopsis.contract import Brief


class AloneOptions(Options):
    """It has no options."""


class Alone:
    """Makes the prompt the only state.

    Args:
        options: the validated options.
    """

    offline = True

    def __init__(self, options: AloneOptions) -> None:
        self.options = options

    def write(self, brief: Brief) -> Synopsis:
        """The prompt as it is.

        Raises:
            SpecError: there is no prompt.
        """
        if not brief.prompt.strip():
            raise SpecError("synopsis none needs a prompt", path=("prompt",))
        return Synopsis((State(brief.prompt.strip()),))

    def close(self) -> None:
        """Nothing to release."""


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer ``none``."""
    register("none", options=AloneOptions, factory=Alone, summary="No key states: every frame gets the prompt.")
