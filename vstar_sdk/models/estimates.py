"""What a run will take, said before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from vstar_sdk.models.contract import ModelSource
from vstar_sdk.models.pipeline_options import Offload

Role = Literal["text encoder", "denoiser", "decoder"]
"""What a component is for; those of the same role add up."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What the model will be asked for.

    Attributes:
        frames: pixel frames.
        width: in pixels.
        height: in pixels.
        branches: videos in one call of the denoiser: 2 where guidance takes both at once.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
    """

    frames: int
    width: int
    height: int
    branches: int
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a model takes for a workload.

    Operations are those of matrix products, convolutions and attentions, a multiplication and an addition being two. Bytes are
    of tensors; what kernels, compilers and memory allocators use in addition is not in it.

    Attributes:
        weights: bytes of the components' weights.
        call_flops: operations of one call of the denoiser.
        call_bytes: the most bytes of tensors at once in that call, in addition to the weights.
        decode_flops: operations of decoding the clip.
        decode_bytes: the most bytes of tensors at once while decoding, in addition to the weights.
        denoisers: equal networks that take turns, and whose weights together are the denoiser's.
    """

    weights: Mapping[Role, int]
    call_flops: int
    call_bytes: int
    decode_flops: int
    decode_bytes: int
    denoisers: int = 1

    def peak(self, offload: Offload, attention_bytes: int = 0) -> int:
        """The most bytes on the device at once.

        Args:
            offload: which weights wait elsewhere; for ``group`` the layer at work is left out.
            attention_bytes: what the denoiser's attention takes in addition to ``call_bytes``.
        """
        busy: dict[Role, int] = {
            "text encoder": 0,
            "denoiser": self.call_bytes + attention_bytes,
            "decoder": self.decode_bytes,
        }
        if offload == "none":
            return sum(self.weights.values()) + max(busy.values())
        if offload == "group":
            return max(busy.values())
        there = {**self.weights, "denoiser": self.weights.get("denoiser", 0) // self.denoisers}
        return max(size + there.get(role, 0) for role, size in busy.items())


@runtime_checkable
class EstimatedSource(ModelSource, Protocol):
    """A model source that knows beforehand what a run takes; ``vstar plan`` asks it."""

    def estimate(self, workload: Workload) -> Estimate:
        """Count, without the weights.

        Raises:
            ModelError: the configuration is missing or of another family.
        """
        ...
