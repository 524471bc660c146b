"""``modelscope``: ModelScope's text-to-video model, ZeroScope, and whatever else is in their format. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vstar_sdk.errors import ModelError
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.source import UNet3DSource
from vstar_sdk.options import ModelReference
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, UNET_WEIGHTS, Commit, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter
    from vstar_sdk.models.estimates import Estimate, Workload


class ModelScopeOptions(FramewiseOptions):
    """Which model, and how it runs."""

    path: ModelReference
    """A folder in diffusers format, or a hub id such as `ali-vilab/text-to-video-ms-1.7b` together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""


@dataclass(frozen=True)
class ModelScopeSource:
    """A model of the format; a `vstar_sdk.models.contract.ModelSource`.

    Attributes:
        options: which model, and how it runs.
        resolver: may know where a hub id is here.
        modules: what loading imports.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.models.unet3d.adapter",)

    options: ModelScopeOptions
    resolver: Resolver

    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
        """
        return self._in(self._find(CONFIGURATION)).facts()

    def load(self, device: str, dtype: str) -> FramewiseAdapter:
        """Load the weights, of a hub id after fetching them.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """
        directory = self._find(UNET_WEIGHTS)
        if not list((directory / "unet").glob("*.safetensors")):
            raise ModelError(
                f"{directory}: its network has no safetensors file, and pickles (.bin) are not read",
                hint="convert it once: TextToVideoSDPipeline.from_pretrained(ID).save_pretrained(FOLDER), and use the folder",
            )
        return self._in(directory).load(device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        return self._in(self._find(CONFIGURATION)).estimate(workload)

    def _find(self, patterns: tuple[str, ...]) -> Path:
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)

    def _in(self, directory: Path) -> UNet3DSource:
        """The model as a directory holds it, with the numbers that its pipeline in diffusers begins with."""
        return UNet3DSource(
            directory=directory, name="ModelScope", frames=16, fps=8.0, steps=50, guidance=9.0, options=self.options
        )


def modelscope(options: ModelScopeOptions, resolver: Resolver) -> ModelScopeSource:
    """A model of ModelScope's format."""
    return ModelScopeSource(options, resolver)


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register(
        "modelscope",
        options=ModelScopeOptions,
        factory=modelscope,
        summary="ModelScope text-to-video, ZeroScope and related models, from a folder or the hub.",
    )
