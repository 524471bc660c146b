"""Options of models that are loaded from the components of a diffusers pipeline: memory and speed. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from vstar_sdk.models.caches import Cache, CacheName
from vstar_sdk.models.loras import TransformerLoraOptions
from vstar_sdk.models.quantizing import Quantize, Quantized
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

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = PipelineOptions.ONE_AT_A_TIME | {"cache", "quantize"}
    MODEL: ClassVar[str]
    """The model's name in a spec, for messages."""
    CACHES: ClassVar[frozenset[CacheName]] = frozenset({"first-block", "taylorseer", "magcache"})
    """The caches that diffusers has for its blocks."""

    path: ModelReference
    """A folder in diffusers format, or a hub id together with `revision`."""
    revision: Commit | None = None
    """The commit of a hub id: 40 hexadecimal digits."""
    cache: Cache | None = None
    """Leave out a part of the denoiser in steps where it changes little: faster, and another picture. `{use: first-block}`,
    `{use: taylorseer}` or `{use: magcache, ratios: [...]}`; left out, everything is computed."""

    quantize: Quantize | None = None
    """Smaller weights of the denoiser, by the package in the name, which must be installed: less memory, and another picture.
    Left out, they are in `dtype`."""

    @property
    def quantized(self) -> Quantized | None:
        """What is said of quantised weights."""
        return None if self.quantize is None else Quantized(self.quantize)

    @model_validator(mode="after")
    def _stays(self) -> Self:
        if self.quantized is None:
            return self
        package = self.quantized.package
        if self.offload == "group" or (self.offload == "model" and package == "bitsandbytes"):
            raise ValueError(f"weights of {package} and offload: {self.offload} cannot be combined: they stay where they are")
        return self

    @field_validator("cache")
    @classmethod
    def _known(cls, cache: Cache | None) -> Cache | None:
        if cache is not None and cache.use not in cls.CACHES:
            known = " and ".join(sorted(cls.CACHES)) or "none"
            raise ValueError(f"diffusers has no cache {cache.use} for the blocks of {cls.MODEL}: it has {known}")
        return cache

    @model_validator(mode="before")
    @classmethod
    def _no_loras(cls, given: Mapping[str, object]) -> Mapping[str, object]:
        if "loras" in given and "loras" not in cls.model_fields:
            raise ValueError(f"{cls.MODEL} takes no LoRAs: its pipeline in diffusers has no loader for them")
        return given

    @property
    def wanted_loras(self) -> Sequence[TransformerLoraOptions]:
        """The LoRAs of the spec."""
        return ()

    @field_validator("compile")
    @classmethod
    def _not_compiled(cls, compile: bool) -> bool:
        if compile:
            why = "attention over all tokens is regularized in loops over chunks of them"
            raise ValueError(f"{cls.MODEL} cannot be compiled: {why}")
        return compile


class LoraTransformerOptions(TransformerOptions):
    """Of a model whose pipeline in diffusers has a loader of LoRAs."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = TransformerOptions.ONE_AT_A_TIME | {"loras"}
    NO_STATE_WEIGHTS: ClassVar[str | None] = "text and video share its layers, so a part of a layer's change belongs to no frame"
    """Why its LoRAs take no weight for every key state."""

    loras: list[TransformerLoraOptions] = Field(default_factory=list[TransformerLoraOptions], max_length=32)
    """LoRAs beside the weights of the denoiser, which stay as they are; they need the package `peft`."""

    @field_validator("loras")
    @classmethod
    def _taken(cls, loras: list[TransformerLoraOptions]) -> list[TransformerLoraOptions]:
        counts = {len(lora.weight) for lora in loras if isinstance(lora.weight, list)}
        if counts and cls.NO_STATE_WEIGHTS is not None:
            raise ValueError(f"{cls.MODEL} takes one weight for a LoRA, not one for each key state: {cls.NO_STATE_WEIGHTS}")
        if len(counts) > 1:
            raise ValueError(
                f"the LoRAs have weights for {' and '.join(map(str, sorted(counts)))} key states: a story has one number"
            )
        return loras

    @property
    def wanted_loras(self) -> Sequence[TransformerLoraOptions]:
        """See `TransformerOptions.wanted_loras`."""
        return self.loras

    @property
    def states(self) -> int | None:
        """The number of key states that the options are for; None: any."""
        return next((len(lora.weight) for lora in self.loras if isinstance(lora.weight, list)), None)


class GgufTransformerOptions(LoraTransformerOptions):
    """Of a model whose denoiser diffusers can load from a single file."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = LoraTransformerOptions.ONE_AT_A_TIME | {"gguf", "gguf_2"}

    gguf: ModelReference | None = None
    """A file of the format GGUF on this machine, with quantised weights of the denoiser; it needs the package `gguf`. All else
    comes from `path`. Of two networks that share the schedule it is for the first."""
    gguf_2: ModelReference | None = None
    """The file of the second network."""

    @property
    def quantized(self) -> Quantized | None:
        """See `TransformerOptions.quantized`."""
        files = (self.gguf, self.gguf_2)
        return Quantized(None, files) if any(file is not None for file in files) else super().quantized

    @model_validator(mode="after")
    def _quantised_once(self) -> Self:
        if self.quantize is not None and (self.gguf is not None or self.gguf_2 is not None):
            raise ValueError("the weights of a GGUF file are quantised already: remove quantize or gguf")
        return self


class SharedOptions(GgufTransformerOptions):
    """Of such a model whose denoiser several devices can share."""

    ONE_AT_A_TIME: ClassVar[frozenset[str]] = GgufTransformerOptions.ONE_AT_A_TIME | {"ulysses"}

    ulysses: int = Field(default=1, ge=1, le=64)
    """Devices that share the tokens of the clip (context parallelism; Ulysses): as many processes, started by torchrun. Each
    holds all weights. The last bits of the result change."""

    @model_validator(mode="after")
    def _shared(self) -> Self:
        if self.ulysses > 1 and self.offload == "group":
            raise ValueError("ulysses and offload: group cannot be combined: use offload: model")
        if self.ulysses > 1 and self.states is not None:
            raise ValueError("ulysses and a LoRA's weight for each key state cannot be combined: a device has parts of frames")
        if self.ulysses > 1 and self.cache is not None:
            raise ValueError("ulysses and cache cannot be combined: each device would decide by its own part what to leave out")
        return self
