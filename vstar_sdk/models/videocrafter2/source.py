"""``videocrafter2``: the model that the paper works on, from its official checkpoint or a converted directory."""

from __future__ import annotations

import json
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from vstar_sdk.errors import ModelError
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.source import UNet3DSource
from vstar_sdk.models.videocrafter2.lvdm.architecture import official_configs
from vstar_sdk.models.videocrafter2.scheduler import NAME as SCALED_DDIM
from vstar_sdk.options import ModelReference, Number
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, WEIGHTS, Commit, find_model
from vstar_sdk.weights.outlines import is_outline

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter
    from vstar_sdk.models.estimates import Estimate, Workload

CHECKPOINT = "model.ckpt"
"""Name of the official checkpoint in its hub repository."""

_COMPONENTS = ("unet", "vae", "text_encoder", "scheduler")
_CONVERT = "convert the official checkpoint: vstar convert videocrafter2 model.ckpt OUT"


class VideoCrafter2Options(FramewiseOptions):
    """VideoCrafter2: from the official checkpoint, or from what `vstar convert videocrafter2` made of it."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = FramewiseOptions.ONE_AT_A_TIME | {"conditioning_fps"}

    path: ModelReference
    """A converted directory; or the official `model.ckpt`, which is converted once into the cache directory; or the hub id of
    either."""
    revision: Commit | None = None
    """The commit of a hub id, all 40 digits."""
    tokenizer: ModelReference | None = None
    """For a checkpoint, which holds none: the folder or hub id of a CLIP tokenizer; left out, CLIP's own from the hub."""
    conditioning_fps: Annotated[int, Number, Field(ge=1, le=1000)] = 28
    """The model's frame rate condition: how fast things move; the file's own speed is the spec's `fps`."""


class VideoCrafter2:
    """A `vstar_sdk.models.contract.ModelSource`.

    Args:
        options: the validated options.
        resolver: may know where a hub id is here.

    Attributes:
        modules: what loading imports.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.models.unet3d.adapter",)

    def __init__(self, options: VideoCrafter2Options, *, resolver: Resolver | None = None) -> None:
        self._options = options
        self._resolver = resolver or Resolver()

    def facts(self) -> Facts:
        """Read the configuration: of a directory without torch, of a checkpoint from the shapes of its tensors.

        Raises:
            ModelError: it is not there, or is not a VideoCrafter2.
        """
        return self._in(self._configuration).facts()

    def load(self, device: str, dtype: str) -> FramewiseAdapter:
        """Load the weights; a checkpoint is converted first, once.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
            OutputError: a checkpoint's conversion cannot be written.
        """
        from vstar_sdk.models.videocrafter2.lvdm.fps import condition_on_fps, fps_embedding, load_fps_layers

        directory = self._directory()
        embedding = fps_embedding(load_fps_layers(directory), self._options.conditioning_fps)
        adapter = self._in(directory).load(device, dtype)
        condition_on_fps(adapter.denoiser, embedding.to(adapter.device, adapter.denoiser.dtype))
        return adapter

    def estimate(self, workload: Workload) -> Estimate:
        """What a run will take, counted without the weights.

        Raises:
            ModelError: see `facts`.
        """
        return self._in(self._configuration).estimate(workload)

    @cached_property
    def _configuration(self) -> Path:
        """A directory with the configuration files; for a checkpoint, a temporary one."""
        place = self._find(CONFIGURATION)
        if place.is_file():
            return self._described(place)
        if (place / "unet" / "config.json").is_file():
            _check(place)
            return place
        if (place / CHECKPOINT).is_file():
            return self._described(place / CHECKPOINT)
        if self._options.revision is not None or is_outline(
            place
        ):  # a hub repository with the checkpoint alone; loading will tell
            return self._write(official_configs())
        raise ModelError(f"{place}: holds neither unet/config.json nor {CHECKPOINT}", hint=_CONVERT)

    def _directory(self) -> Path:
        """A directory with the weights."""
        place = self._find(CONFIGURATION)
        if place.is_dir() and (place / "unet" / "config.json").is_file():
            _check(place)
            return self._find(WEIGHTS)
        if self._options.revision is not None and not place.is_file():
            place = self._find((CHECKPOINT,))
        checkpoint = place if place.is_file() else place / CHECKPOINT
        if not checkpoint.is_file():
            raise ModelError(f"{place}: holds neither unet/config.json nor {CHECKPOINT}", hint=_CONVERT)
        from vstar_sdk.models.videocrafter2.lvdm.cache import converted

        return converted(checkpoint, self._options.tokenizer)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self._options.path, self._options.revision, self._resolver, patterns)

    def _in(self, directory: Path) -> UNet3DSource:
        """The model as a directory holds it, with the paper's settings."""
        return UNet3DSource(
            directory=directory,
            name="VideoCrafter2",
            frames=16,
            fps=8.0,
            steps=25,
            guidance=12.0,
            eta=1.0,
            size=(512, 320),
            scheduler=SCALED_DDIM,
            options=self._options,
        )

    def _described(self, checkpoint: Path) -> Path:
        """The configuration files of a checkpoint that is not converted."""
        from vstar_sdk.models.videocrafter2.lvdm.reading import read_checkpoint

        with read_checkpoint(checkpoint) as reading:
            configs = {component.name: dict(component.config) for component in reading.components}
        return self._write({**configs, "scheduler": official_configs()["scheduler"]})

    def _write(self, configs: dict[str, dict[str, object]]) -> Path:
        self._temporary = tempfile.TemporaryDirectory(prefix="vstar-")  # gone with this object
        directory = Path(self._temporary.name)
        for name in _COMPONENTS:
            file = "scheduler_config.json" if name == "scheduler" else "config.json"
            (directory / name).mkdir()
            (directory / name / file).write_text(json.dumps(configs[name]), encoding="utf-8")
        return directory


def _check(directory: Path) -> None:
    """Refuse a directory in diffusers format that lacks what makes it VideoCrafter2."""
    if not (directory / "fps_embedding").is_dir():
        raise ModelError(
            f"{directory}: has no fps_embedding, so the condition on the frame rate is missing",
            hint=_CONVERT,
        )
    config = directory / "scheduler" / "scheduler_config.json"
    if config.is_file() and '"signal_scale"' not in read_bounded(config, 1 << 20).decode("utf-8", "replace"):
        raise ModelError(
            f"{config}: has no signal_scale, but VideoCrafter2 was trained with one: the pictures would be wrong", hint=_CONVERT
        )


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "videocrafter2",
        options=VideoCrafter2Options,
        factory=VideoCrafter2,
        summary="VideoCrafter2, the paper's model: 512x320, 16 frames and more; needs its checkpoint and a GPU.",
    )
