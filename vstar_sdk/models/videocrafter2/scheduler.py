"""``scaled-ddim``: the scheduler of VideoCrafter2 as a part. No torch until one is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler

NAME = "scaled-ddim"
"""What specs call it."""


class ScaledDDIM:
    """A `vstar_sdk.SchedulerSource`."""

    takes_eta = True

    def __init__(self, options: Options) -> None:
        del options  # it has none

    def make(self, config: Mapping[str, Any]) -> ScaledDDIMScheduler:
        """A scheduler with the signal scale of a configuration.

        Args:
            config: of a model that was trained with one.

        Raises:
            SpecError: it was not, or the configuration has no meaning here. The path is ``("scheduler",)``.
        """
        if config.get("signal_scale") is None:
            raise SpecError(
                f"scheduler '{NAME}' is for models trained with a signal scale; this one was not",
                hint="remove it to use the model's own, or use ddim",
                path=("scheduler",),
            )
        from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler

        try:
            made: Any = cast(Any, ScaledDDIMScheduler).from_config(dict(config))
        except ValueError as error:
            raise SpecError(
                f"scheduler '{NAME}' cannot be built from this model's configuration: {error}",
                hint="use another scheduler",
                path=("scheduler",),
            ) from None
        return made


@hookimpl
def register_schedulers(register: Register) -> None:
    """Offer the scheduler."""
    register(NAME, options=Options, factory=ScaledDDIM, summary="DDIM for a model trained with a signal scale (VideoCrafter2).")
