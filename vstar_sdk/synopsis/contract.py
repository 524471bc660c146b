"""What a synopsis part is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from vstar_sdk.synopses import Synopsis


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a synopsis part knows about the run.

    Attributes:
        prompt: the user's prompt; may be empty when the states are written out.
        frames: frames of the clip: the most states that fit.
        fps: frames a second.
        folder: folder of the spec file, where relative template paths begin; None without a file.
        templates: templates that plugins registered, by their names ``namespace/name``.
    """

    prompt: str
    frames: int
    fps: float
    folder: Path | None = None
    templates: Mapping[str, Path] = field(default_factory=dict[str, Path])


class SynopsisWriter(Protocol):
    """What a synopsis part's factory returns.

    The factory is called as ``factory(options, **parts)``: every option field marked `PartOf` arrives as a made part under its
    own name (``backend=`` for the part ``llm``).
    """

    offline: bool
    """True when `write` needs no network and no heavy import: it is then called already while validating."""

    def write(self, brief: Brief) -> Synopsis:
        """Turn the brief into key states.

        Raises:
            SpecError: the prompt or the options cannot be used; its path is ``("prompt",)``, or relative to the
                part's own options.
            TemplateError: the template is wrong.
            BackendError: the language model gave nothing usable.
        """
        ...

    def close(self) -> None:
        """Release what it holds; called once, after `write`."""
        ...


@runtime_checkable
class CheckedWriter(SynopsisWriter, Protocol):
    """A synopsis part that can find faults without a network: its `check` is called while validating."""

    def check(self, brief: Brief) -> None:
        """Find what is wrong with the brief and the options, as far as it can be known before `write`.

        Raises:
            SpecError: the prompt or the options cannot be used; its path is that of `SynopsisWriter.write`.
            TemplateError: the template is wrong.
        """
        ...
