"""What a run gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.events import plain
from vstar_sdk.footage import Footage
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.synopses import Synopsis
from vstar_sdk.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.models.contract import Adapter


@dataclass(frozen=True)
class Result:
    """A finished run: values, and the latents to decode frames from.

    It does not hold the model, which is the session's; where that was unloaded meanwhile, `frames` loads it again. Once the
    session is closed, a model is loaded for each call and let go with it: take the frames before.

    Attributes:
        id: the run's id.
        spec: the resolved spec; running it again gives the same frames.
        synopsis: the key states.
        timeline: where they stand.
        latents: ``(1, channels, latent frames, height, width)``, on the CPU.
        directory: the run directory, or None when nothing was written.
        artifacts: what was written, by exporter.
        warnings: what the user should know.
        manifest: what the run was made with: versions, weights, plugins, device, timings.
        load: gives the loaded model.
        finish: what becomes of frames after the decoder.
    """

    id: str
    spec: RunSpec
    synopsis: Synopsis
    timeline: Timeline
    latents: Tensor = field(repr=False)
    directory: Path | None
    artifacts: tuple[Path, ...]
    warnings: tuple[str, ...]
    manifest: dict[str, Any] = field(repr=False)
    load: Callable[[], Adapter] = field(repr=False)
    finish: Callable[[Iterator[NDArray[np.uint8]]], Iterator[NDArray[np.uint8]]] = field(repr=False)

    @property
    def adapter(self) -> Adapter:
        """The model that made it, loaded again if need be.

        Raises:
            ModelError: its files are not there any more.
        """
        return self.load()

    def json(self) -> dict[str, Any]:
        """The result as JSON data, all but the latents: paths as texts, the spec as the mapping that a spec file holds."""
        return {
            "id": self.id,
            "spec": self.spec.model_dump(mode="json"),
            "synopsis": plain(self.synopsis),
            "timeline": plain(self.timeline),
            "directory": plain(self.directory),
            "artifacts": plain(self.artifacts),
            "warnings": plain(self.warnings),
            "manifest": plain(self.manifest),
        }

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The frames ``(height, width, 3)``, RGB, decoded again one by one, through `transform_frames` and finishers.

        Raises:
            PluginError: one of these failed.
            ModelError: the model was unloaded, and its files are not there any more.
        """
        return self.finish(self.adapter.decode(self.latents))

    def tensor(self) -> Tensor:
        """All frames: ``(frames, height, width, 3)``, RGB, uint8, on the CPU; decoded again as by `frames`.

        Raises:
            PluginError: a transform or a finisher failed.
            ModelError: the model was unloaded, and its files are not there any more.
        """
        import numpy as np
        import torch

        return torch.from_numpy(np.stack(list(self.frames())))  # pyright: ignore[reportUnknownMemberType]

    def save(self, path: str | Path) -> Path:
        """Write the frames, decoded again, to a file of your own; the run directory stays as it is.

        Args:
            path: ends in ``.mp4``, ``.gif`` or ``.png`` (a contact sheet); without a suffix it is a folder of PNG images.

        Returns:
            The absolute path.

        Raises:
            OutputError: something is there already, no exporter writes such a file, or the disk refuses.
            PluginError: a transform or a finisher failed.
            ModelError: the model was unloaded, and its files are not there any more.
        """
        from vstar_sdk.output.contract import Clip
        from vstar_sdk.runs.saving import save
        from vstar_sdk.spec.writing import to_yaml

        clip = Clip.telling(self.clip, self.synopsis, self.timeline.stretched(self.clip.frames), to_yaml(self.spec))
        return save(self.frames(), clip, Path(path))

    @property
    def clip(self) -> Footage:
        """Number, size and rate of the frames."""
        made = self.manifest["clip"]
        return Footage(**made | {"anchors": tuple(made["anchors"])}, prompt=self.spec.prompt)

    def _repr_html_(self) -> str:
        """For notebooks: the video, the key states, and how it was made."""
        from vstar_sdk.runs.notebook import page

        timeline = self.timeline.stretched(self.clip.frames)
        states = [(*span, one.caption) for span, one in zip(timeline.spans(), self.synopsis.states, strict=True)]
        model, seconds = self.manifest["model"], self.manifest["seconds"]["total"]
        notes = [str(self.clip), f"seed {self.manifest['seed']}", f"{model['name']} on {model['device']}", f"{seconds:.1f} s"]
        return page(
            title=self.spec.prompt or self.synopsis.states[0].caption,
            artifacts=self.artifacts,
            save=self.save,
            states=states,
            notes=[*notes, *([f"written to {self.directory}"] if self.directory is not None else [])],
            warnings=self.warnings,
        )
