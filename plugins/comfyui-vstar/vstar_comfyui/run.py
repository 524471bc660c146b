"""The node Run: a spec made into a video by vstar_sdk's own models."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vstar_sdk import LoadedSpec, SpecError, Synopsis, load_spec

from . import running, sockets
from .faults import with_remedy
from .guarding import guard
from .host import io
from .synopsis import as_options

EXAMPLE = "prompt: a volcano wakes up\nframes: 32\n"


class VstarRun(io.ComfyNode):
    """A whole run."""

    @classmethod
    def define_schema(cls) -> Any:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="VstarRun",
            display_name="VSTAR Run a spec",
            category=sockets.CATEGORY,
            description="Makes the video of a spec (YAML) with a model of vstar_sdk, which stays loaded.",
            inputs=[
                io.String.Input("spec", multiline=True, default=EXAMPLE, tooltip="YAML or JSON. No file is written."),
                io.Int.Input("seed", default=0, min=0, max=2**64 - 1, control_after_generate=True),
                io.Boolean.Input("keep_loaded", default=True, tooltip="Keep the model in memory for the next run."),
                sockets.Synopsis.Input("synopsis", optional=True, tooltip="Takes the place of the spec's."),
                sockets.Regularizers.Input("regularizers", optional=True, tooltip="Take the place of the spec's."),
            ],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Float.Output(display_name="fps"),
                io.String.Output(display_name="spec", tooltip="With every default filled in."),
            ],
        )

    @classmethod
    def execute(
        cls,
        spec: str,
        seed: int,
        keep_loaded: bool,
        synopsis: Synopsis | None = None,
        regularizers: list[dict[str, Any]] | None = None,
    ) -> Any:
        """See `io.ComfyNode`."""
        with with_remedy():
            made, frames = running.run(loaded(spec, seed, synopsis, regularizers), keep_loaded=keep_loaded)
            return io.NodeOutput(frames.float() / 255.0, made.clip.fps, json.dumps(made.json()["spec"], indent=1))


def loaded(
    text: str, seed: int, synopsis: Synopsis | None = None, regularizers: list[dict[str, Any]] | None = None
) -> LoadedSpec:
    """The spec as the node's inputs say it, held to the guard.

    Args:
        text: YAML; never a path.
        seed: of the run.
        synopsis: in the place of the spec's.
        regularizers: in the place of the spec's.

    Raises:
        SpecError: something in it is wrong, or not allowed; lines are counted in the node's text.
    """
    changes = [f"seed={seed}"]
    if synopsis is not None:
        changes.append(f"synopsis={json.dumps(as_options(synopsis))}")
    if regularizers is not None:
        changes.append(f"regularizers={json.dumps(regularizers)}")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spec.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            return load_spec(file, overrides=changes, guard=guard())
        except SpecError as error:
            raise SpecError(error.message.replace(f"{folder}/", ""), hint=error.hint, path=error.path) from None
