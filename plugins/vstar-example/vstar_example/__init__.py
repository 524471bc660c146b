"""An example plugin of vstar-sdk. One file a part; this module, which the entry point names, gathers their hooks.

It is imported to validate a spec that names ``example/...``, so nothing heavy may be imported here: no torch, no numpy.
"""

from __future__ import annotations

from vstar_example.fading import transform_frames
from vstar_example.lean import register_regularizers
from vstar_example.pace import on_run_end, on_run_error, on_step
from vstar_example.postcards import register_templates
from vstar_example.subtitles import register_exporters

__all__ = [
    "on_run_end",
    "on_run_error",
    "on_step",
    "register_exporters",
    "register_regularizers",
    "register_templates",
    "transform_frames",
]
