"""The embedded model before it is loaded. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vstar_sdk.models.unet3d.source import UNet3DSource

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter
    from vstar_sdk.models.estimates import Estimate, Workload


@dataclass(frozen=True, kw_only=True)
class MiniworldSource(UNet3DSource):
    """A model of the UNet3D family that is run by the package's own networks, which are ready much sooner than diffusers'.

    The numbers are the same bit for bit. Tiles, which nothing but diffusers' decoder makes, take diffusers' networks.
    """

    modules: ClassVar[tuple[str, ...]] = ("vstar_sdk.miniworld.adapter",)

    def load(self, device: str, dtype: str) -> FramewiseAdapter:
        """See `UNet3DSource.load`."""
        if self.options.tiling:
            return super().load(device, dtype)
        from vstar_sdk.miniworld.adapter import load

        return load(self.directory, self.facts(), device, dtype, self.options)

    def _count(self, workload: Workload) -> Estimate:
        if self.options.tiling:
            return super()._count(workload)
        from vstar_sdk.miniworld.estimate import estimate

        return estimate(self.directory, workload, self.options)
