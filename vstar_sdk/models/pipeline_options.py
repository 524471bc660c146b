"""Options of models that are loaded from the components of a diffusers pipeline: memory and speed. No torch."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from vstar_sdk.models.loras import TransformerLoraOptions
from vstar_sdk.options import ModelOptions, ModelReference
from vstar_sdk.weights.finding import Commit

Offload = Literal["none", "model", "group"]
"""Which weights wait outside the device's memory: none, those of the components not at work, or all but the layer at work."""


class PipelineOptions(ModelOptions):
    """What every such model can be asked for. The derived options of a model add its own."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = ModelOptions.ONE_AT_A_TIME | {"offload", "compile", "tiling", "fused"}

    offload: Offload = "none"
    """Keep unused weights in the CPU's memory: ``none``; ``model``: whole components, so that the text encoder, the
    denoiser and the decoder are on the device one at a time; ``group``: layer by layer, the least memory and the slowest."""
    compile: bool = False
    """Compile the denoiser with ``torch.compile``: slow first steps, then faster ones. The last bits of the result change."""
    fused: bool = False
    """Compute regularized attention in one fused kernel (FlexAttention), on a CUDA GPU with Triton: the first step of each size
    compiles it. The last bits of the result change."""
    tiling: bool = False
    """Decode pictures that are larger than the decoder's own size in overlapping tiles, which are blended: less memory, and
    faint differences where tiles meet."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.compile and self.offload == "group":
            raise ValueError(
                "compile and offload: group cannot be combined: weights that are moved during the run cannot be compiled"
            )
        return self


class FramewiseOptions(PipelineOptions):
    """Of a model whose decoder takes every frame by itself."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = PipelineOptions.ONE_AT_A_TIME | {"decode_batch"}

    decode_batch: int = Field(default=1, ge=1, le=256)
    """Frames decoded at once: more is faster and takes more memory; the last bits of the result change."""


class TransformerOptions(PipelineOptions):
    """Of a model in a folder or on the hub, whose denoiser attends over all tokens of a clip."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = PipelineOptions.ONE_AT_A_TIME | {"loras"}
    MODEL: ClassVar[str]
    """The model's name in a spec, for messages."""
    NO_LORAS: ClassVar[str | None] = None
    """Why it takes no LoRAs."""
    NO_STATE_WEIGHTS: ClassVar[str | None] = "text and video share its layers, so a part of a layer's change belongs to no frame"
    """Why its LoRAs take no weight for every key state."""

    path: ModelReference
    """A folder in diffusers format, or a hub id together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""
    loras: list[TransformerLoraOptions] = Field(default_factory=list[TransformerLoraOptions], max_length=32)
    """LoRAs beside the weights of the denoiser, which stay as they are; they need the package `peft`."""

    @field_validator("loras")
    @classmethod
    def _taken(cls, loras: list[TransformerLoraOptions]) -> list[TransformerLoraOptions]:
        if loras and cls.NO_LORAS is not None:
            raise ValueError(f"{cls.MODEL} takes no LoRAs: {cls.NO_LORAS}")
        counts = {len(lora.weight) for lora in loras if isinstance(lora.weight, list)}
        if counts and cls.NO_STATE_WEIGHTS is not None:
            raise ValueError(f"{cls.MODEL} takes one weight for a LoRA, not one for each key state: {cls.NO_STATE_WEIGHTS}")
        if len(counts) > 1:
            raise ValueError(
                f"the LoRAs have weights for {' and '.join(map(str, sorted(counts)))} key states: a story has one number"
            )
        return loras

    @property
    def states(self) -> int | None:
        """The number of key states that the options are for; None: any."""
        return next((len(lora.weight) for lora in self.loras if isinstance(lora.weight, list)), None)

    @field_validator("compile")
    @classmethod
    def _not_compiled(cls, compile: bool) -> bool:
        if compile:
            why = "attention over all tokens is regularized in loops over chunks of them"
            raise ValueError(f"{cls.MODEL} cannot be compiled: {why}")
        return compile


class SharedOptions(TransformerOptions):
    """Of such a model whose denoiser several devices can share."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = TransformerOptions.ONE_AT_A_TIME | {"ulysses"}

    ulysses: int = Field(default=1, ge=1, le=64)
    """Devices that share the tokens of the clip (context parallelism; Ulysses): as many processes, started by torchrun. Each
    holds all weights. The last bits of the result change."""

    @model_validator(mode="after")
    def _shared(self) -> Self:
        if self.ulysses > 1 and self.offload == "group":
            raise ValueError("ulysses and offload: group cannot be combined: use offload: model")
        if self.ulysses > 1 and self.states is not None:
            raise ValueError("ulysses and a LoRA's weight for each key state cannot be combined: a device has parts of frames")
        return self
