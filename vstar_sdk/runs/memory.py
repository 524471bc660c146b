"""Where no memory is left: one error that says what was too large, and what is left to change."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager

from vstar_sdk.errors import SamplerError, out_of_memory
from vstar_sdk.events import Stage
from vstar_sdk.runs.advice import less_memory
from vstar_sdk.runs.plan import Plan


@contextmanager
def enough_memory(plan: Plan, stage: Stage) -> Generator[None]:
    """Open around work that may need more memory than there is.

    Args:
        plan: of the run.
        stage: that it belongs to.

    Raises:
        SamplerError: there was not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        import torch

        traceback.clear_frames(error.__traceback__)  # they hold the tensors that there was no room for
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        numbers = plan.settings
        what = f"{numbers.frames} frames of {numbers.width}x{numbers.height}" if stage in ("sample", "decode") else "the model"
        raise SamplerError(f"there is not enough memory for {what} (stage {stage})", hint=less_memory(plan, stage)) from error
