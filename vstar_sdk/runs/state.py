"""The state of a run between its stages: what it has made so far, as a value that a folder can hold. No torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vstar_sdk.errors import OutputError, SamplerError
from vstar_sdk.runs.story import Story
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.timeline import Timeline

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.conditioning import Conditioning
    from vstar_sdk.sampling.state import SamplerState

_T = TypeVar("_T")

SAMPLER = "sampler"
"""The file of an unfinished sampling."""

_STORY, _CONDITIONING, _LATENTS, _MAPS = "story.json", "conditioning", "latents", "maps"


@dataclass(frozen=True, eq=False)
class RunState:
    """What a run has made so far; a stage fills in what it makes, and passes over what is there.

    With the spec this is all that is needed to go on in another process, to the same bytes.

    Attributes:
        story: the key states and their frames.
        conditioning: what the denoiser is told, on the model's device; on the CPU once it is read from a file.
        sampler: where an unfinished sampling stands.
        latents: ``(1, channels, frames, height, width)``, float32, on the CPU, once the sampling is done.
        maps: the attention maps that metrics asked for, once the sampling is done (see `vstar_sdk.Recording.state`).
        expected: latents like these, as the last step before a pause expects them; not written.
    """

    story: Story | None = None
    conditioning: Conditioning | None = None
    sampler: SamplerState | None = None
    latents: Tensor | None = None
    maps: Mapping[str, Tensor] | None = None
    expected: Tensor | None = None

    def write(self, folder: Path) -> None:
        """Write what is there to a folder, each file whole or not at all.

        Raises:
            OutputError: a file cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.story is not None:
                partial = folder / f".{_STORY}"
                partial.write_text(json.dumps(dataclasses.asdict(self.story), ensure_ascii=False, default=str), encoding="utf-8")
                partial.replace(folder / _STORY)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror}", hint="is the disk full?") from error
        from vstar_sdk.sampling.tensor_file import write_tensors

        if self.conditioning is not None:
            told = {"text": self.conditioning.text, "negative": self.conditioning.negative}
            if self.conditioning.bias is not None:
                told["bias"] = self.conditioning.bias
            write_tensors(folder / _CONDITIONING, told)
        if self.sampler is not None:
            self.sampler.write(folder / SAMPLER)
        if self.latents is not None:
            write_tensors(folder / _LATENTS, self.latents)
        if self.maps is not None:
            write_tensors(folder / _MAPS, dict(self.maps))

    @classmethod
    def read(cls, folder: Path) -> RunState:
        """The state in a folder that `write` wrote; what was not there yet is None.

        Raises:
            SamplerError: a file is damaged, or something else.
        """
        from vstar_sdk.sampling.conditioning import Conditioning
        from vstar_sdk.sampling.state import SamplerState
        from vstar_sdk.sampling.tensor_file import read_tensors

        def there(name: str) -> Path | None:
            return folder / name if (folder / name).exists() else None

        story, conditioning, sampler, latents, maps = map(there, (_STORY, _CONDITIONING, SAMPLER, _LATENTS, _MAPS))
        return cls(
            _story(story) if story else None,
            Conditioning(**read_tensors(conditioning)) if conditioning else None,
            SamplerState.read(sampler) if sampler else None,
            read_tensors(latents) if latents else None,
            read_tensors(maps) if maps else None,
        )


def made(value: _T | None) -> _T:
    """What an earlier stage has made.

    Raises:
        RuntimeError: it has not: the stages were called out of order.
    """
    if value is None:
        raise RuntimeError("a stage of the run needs the result of an earlier one")
    return value


def _story(path: Path) -> Story:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        timeline: dict[str, Any] = data["timeline"]
        weights = tuple(tuple(row) for row in timeline["weights"])
        return Story(
            _synopsis(data["synopsis"]),
            _synopsis(data["written"]),
            Timeline(tuple(timeline["anchors"]), weights, timeline["interpolation"]),
            data["negative_prompt"],
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SamplerError(f"{path} is not the story of a run: {error}", hint="start the run again") from error


def _synopsis(data: dict[str, Any]) -> Synopsis:
    return Synopsis(
        tuple(State(**state) for state in data["states"]),
        data["style"],
        data["negative_prompt"],
        tuple(data["transcript"]),
        tuple(data["warnings"]),
    )
