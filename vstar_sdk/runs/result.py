"""What a run gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """A finished run.

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
        adapter: the loaded model.
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
    adapter: Adapter = field(repr=False)
    finish: Callable[[Iterator[NDArray[np.uint8]]], Iterator[NDArray[np.uint8]]] = field(repr=False)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The frames ``(height, width, 3)``, RGB, decoded anew from the latents one by one and passed through `transform_frames`.

        Raises:
            PluginError: one of these failed.
        """
        return self.finish(self.adapter.decode(self.latents))
