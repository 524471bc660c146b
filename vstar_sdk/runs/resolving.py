"""The resolved spec: every default filled in and the states written out, so that running it again gives the same video."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vstar_sdk.runs.finishing import with_files
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.story import Story
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.synopsis.states import to_options


def resolve(plan: Plan, story: Story, dtype: str | None = None, folder: Path | None = None) -> RunSpec:
    """The resolved spec of a run.

    The states are those before `transform_synopsis`, which the plugins that it lists will apply again.

    Args:
        plan: of the run.
        story: the story that was told.
        dtype: the precision that ``auto`` came to.
        folder: where it will be written; the run that it continues from is named from there.
    """
    settings, sampling = plan.settings, plan.spec.sampling.model_dump(mode="json", exclude={"preset"}, exclude_none=True)
    data: dict[str, Any] = plan.spec.model_dump(mode="json") | {
        "frames": settings.frames,
        "size": [settings.width, settings.height],
        "fps": settings.fps,
        "negative_prompt": story.negative_prompt,
        "regularizers": [options.model_dump(mode="json") for options in plan.regularizers],
        "start": pinned(plan, folder),
        "finish": [with_files(options, partial(_from, plan, folder)).model_dump(mode="json") for options in plan.spec.finish],
        "synopsis": to_options(story.written),
        "metrics": [one.options.model_dump(mode="json") for one in metrics_of(plan.loaded)],
        "sampling": {
            "steps": settings.steps,
            "scheduler": plan.facts.scheduler,
            "guidance": plan.facts.guidance,
            "eta": settings.eta,
            **sampling,
        },
    }
    if dtype is not None:
        data["model"]["dtype"] = dtype
    own = plan.facts.scheduler_config
    data["model"] |= {key: own[key] for key, value in data["model"].items() if value is None and own.get(key) is not None}
    return load_spec(data, plugins=plan.loaded.given).spec


def _from(plan: Plan, folder: Path | None, file: str) -> str:
    """The path of a file of the spec, from the folder that the resolved spec will be in; absolute without one."""
    path = (plan.loaded.document.folder or Path()).absolute() / Path(file).expanduser()
    if folder is None or path.drive != folder.absolute().drive:
        return str(path)
    return Path(os.path.relpath(path, folder.resolve())).as_posix()


def pinned(plan: Plan, folder: Path | None = None) -> Mapping[str, Any] | None:
    """A spec's ``start`` with the digests of the latents, pictures and clips that the plan found.

    Args:
        plan: of the run.
        folder: that the paths in it begin at; None for absolute ones.
    """
    start = plan.spec.start
    if start is None:
        return None
    written = start.model_dump(mode="json", exclude_none=True, exclude={"digests"}) | {"lead": start.leading}
    if plan.beginning is not None:
        files = {shot.key: _from(plan, folder, str(shot.file.path.absolute())) for shot in plan.beginning.shots}
        return written | files | {"digests": dict(plan.beginning.digests)}
    if plan.kept is None:
        return None
    directory = plan.kept.parent.directory.absolute()
    shown = str(directory)
    if folder is not None and directory.drive == folder.absolute().drive:
        shown = Path(os.path.relpath(directory.resolve(), folder.resolve())).as_posix()
    return written | {"from": shown, "sha256": plan.kept.parent.sha256}
