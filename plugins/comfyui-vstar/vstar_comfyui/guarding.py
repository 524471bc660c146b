"""What the specs of workflows may reach."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import ValidationError

from vstar_sdk import Guard, SpecError

from .host import folders

GUARD = "VSTAR_COMFYUI_GUARD"
"""The environment variable that says what specs may reach: the fields of a `vstar_sdk.Guard` as JSON, or ``off``."""


def guard() -> Guard | None:
    """What the specs of workflows may reach, for workflows come from strangers.

    Unless the environment says something else: files in ComfyUI's folders of models and of input, and the parts of installed
    plugins; no server, no key, no model on the hub, and no run directory.

    Raises:
        SpecError: the variable holds no guard.
    """
    told = os.environ.get(GUARD, "")
    if told == "off":
        return None
    if told:
        try:
            return Guard.model_validate_json(told)
        except ValidationError as error:
            raise SpecError(f"{GUARD}: {error}", hint='write "off", or an object such as {"roots": ["/models"]}') from None
    places = folders()
    roots = (Path(places.models_dir), Path(places.get_input_directory()))
    return Guard(roots=roots, plugins=tuple(point.name for point in entry_points(group="vstar_sdk")))
