"""Models that a spec names by a path or a hub id, before they are loaded: what their sources share. No torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from vstar_sdk.errors import ModelError
from vstar_sdk.models.caches import Cache
from vstar_sdk.models.counting import counted_once
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora, find_lora, need_peft
from vstar_sdk.models.pipeline_options import TransformerOptions
from vstar_sdk.models.unsuited import reason
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, find_model

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.models.estimates import Estimate, Workload

Chosen = TypeVar("Chosen", bound=TransformerOptions)


@dataclass(frozen=True)
class PipelineSource(ABC, Generic[Chosen]):
    """A `vstar_sdk.models.contract.ModelSource` but for its facts, its loading and its counting.

    Attributes:
        options: which model, and how it runs.
        resolver: finds a hub id.
        modules: what loading imports.
        weights: patterns of the files that it is loaded from.
        counted: the configuration files that `count` reads.
    """

    modules: ClassVar[tuple[str, ...]]
    weights: ClassVar[tuple[str, ...]] = ("*.json", "*.safetensors", "tokenizer*/*")  # vocabularies come in all formats
    counted: ClassVar[tuple[str, ...]] = ("transformer/config.json", "vae/config.json", "text_encoder/config.json")

    options: Chosen
    resolver: Resolver = field(default_factory=Resolver)

    @abstractmethod
    def facts(self) -> Facts:
        """Read the configuration files, of a hub id after fetching them.

        Raises:
            ModelError: one is missing, damaged or of another family.
            MissingDependency: a package for LoRAs or quantised weights is not installed.
        """

    @abstractmethod
    def load(self, device: str, dtype: str) -> Adapter:
        """Load the weights.

        Args:
            device: a torch device.
            dtype: ``float32``, ``float16`` or ``bfloat16``.

        Raises:
            ModelError: a file is missing or damaged, or does not match its configuration.
        """

    @abstractmethod
    def count(self, directory: Path, workload: Workload) -> Estimate:
        """What `estimate` gives, counted on the networks of a directory.

        Args:
            directory: with the configuration files.
            workload: what will be asked for.
        """

    def estimate(self, workload: Workload) -> Estimate:
        """Count what a workload takes, without the weights.

        Raises:
            ModelError: a configuration is missing or of another family.
        """
        directory = self.find(CONFIGURATION)
        files = [directory / file for file in self.counted]
        counted = counted_once(files, workload, self.options, partial(self.count, directory, workload))
        quantized = self.options.quantized
        if quantized is None:
            return counted
        networks = ("transformer", "transformer_2")[: counted.denoisers]
        size = quantized.bytes_of(counted.weights["denoiser"], workload.dtype, networks)
        return replace(counted, weights={**counted.weights, "denoiser": size})

    @property
    def cache(self) -> Cache | None:
        """See `vstar_sdk.models.caches.CachedSource`."""
        return self.options.cache

    def find(self, patterns: tuple[str, ...]) -> Path:
        """Its directory, see `vstar_sdk.weights.finding.find_model`.

        Args:
            patterns: of the files that are wanted of a hub id.
        """
        need_peft(self.options.wanted_loras)
        if self.options.quantized is not None:
            self.options.quantized.need_package()
        return find_model(self.options.path, self.options.revision, self.resolver, patterns)

    def loras(self, networks: Sequence[str] = ("transformer",)) -> tuple[Lora, ...]:
        """The files of its LoRAs, of hub ids after fetching them.

        Args:
            networks: folders of the denoising networks.

        Raises:
            ModelError: there is no such file, or it is for a network that the model does not have.
        """
        found: list[Lora] = []
        for one in self.options.wanted_loras:
            if one.network not in (None, *networks):
                raise ModelError(
                    f"{one.path}: is for the network {one.network}, which the model does not have",
                    hint="remove network: the model has one network for the whole schedule",
                )
            weight = tuple(one.weight) if isinstance(one.weight, list) else one.weight
            found.append(Lora(find_lora(one, self.resolver), weight, one.network))
        return tuple(found)


@contextmanager
def of_this_family(directory: Path) -> Generator[None]:
    """Around the reading of configurations: say whose they are where they are not what they should be.

    Raises:
        ModelError: inside it one was raised, or an entry is missing.
    """
    try:
        yield
    except (ModelError, KeyError) as error:
        hint = "this is a model of another family, or one that is not for text to video"
        raise ModelError(f"{directory}: {error}", hint=hint) from None


def check_class(config: Mapping[str, Any], part: str, kind: str) -> None:
    """Be sure of a component's class; a configuration that does not say it is taken at its word.

    Args:
        config: the component's ``config.json``.
        part: its name.
        kind: the class.

    Raises:
        ModelError: it is another one.
    """
    if (given := config.get("_class_name", kind)) != kind:
        why = reason(str(given))
        raise ModelError(f"its {part} is a {given}" + (f"; {why}" if why else ""))
