"""The stage ``load``: the model into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.errors import SpecError
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.run import Run

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter


def load(run: Run, models: Models) -> Adapter:
    """Load the plan's model, unless it is loaded; what regularizers give is looked at first.

    Raises:
        PluginError: a function of a regularizer fails, or gives something of another shape.
        SpecError: a regularizer changes nothing.
        ModelError: the weights are missing, damaged or do not match the configuration.
        SamplerError: there is not enough memory for it.
    """
    with run.stage("load"), enough_memory(run.plan, "load"):
        from vstar_sdk.attention.trial import try_functions  # brings torch, which the stage counts

        try:
            try_functions(run.plan.attention, run.plan.settings.steps)
        except SpecError as error:
            raise run.plan.loaded.error(error) from None
        adapter = models.get(run.plan)
        model, device = run.plan.facts.name, str(adapter.device)
        run.emit(events.ModelLoaded(run=run.id, model=model, device=device, seconds=run.passed))
    return adapter


def dtype_of(adapter: Adapter) -> str:
    """The precision of a loaded model's weights: ``float32``."""
    weights = (weight.dtype for weight in adapter.denoiser.parameters() if weight.is_floating_point())
    return str(next(weights)).removeprefix("torch.")


def accelerator_of(adapter: Adapter) -> str | None:
    """The name of the GPU that a model is on: ``NVIDIA H200``. None on a CPU, and where the system does not tell."""
    import torch

    device = torch.device(adapter.device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None
