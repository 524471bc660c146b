"""What a spec can be read from: a file, standard input, a video that carries its spec, or a prompt."""

from __future__ import annotations

import sys
from pathlib import Path

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.spec import document
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.run_spec import RunSpec

STDIN = "-"
"""The name of standard input."""


def is_prompt(source: str) -> bool:
    """Whether a text is a prompt and not the name of a file: it has several words, and there is no such file."""
    words = source.split()
    if len(words) < 2 or source.strip().lower().endswith(document.FILES):
        return False
    try:
        return not Path(source).exists()
    except (OSError, ValueError):
        return True


def read(source: str | Path) -> Document:
    """Read a spec.

    Args:
        source: a path; ``-`` for standard input; an MP4 that ``vstar`` wrote gives the spec that it carries; a text of several
            words that names no file is a prompt.

    Raises:
        SpecError: it cannot be read, the video carries no spec, or it is the text of a spec and no prompt.
    """
    if isinstance(source, str) and is_prompt(source):
        if keys := _spec_keys(source):
            raise SpecError(
                f"this is the text of a spec (it sets {', '.join(keys)}), not a file name or a prompt",
                hint="write it to a file, or pipe it to `vstar run -`; if it is a prompt, use --prompt",
            )
        return Document({"prompt": source})
    if str(source) == STDIN:
        return _standard_input()
    path = Path(source)
    if path.suffix.lower() == ".mp4":
        return _carried(path)
    return document.read(path)


def _spec_keys(text: str) -> list[str]:
    """The keys of a spec that a text sets, where it is YAML or JSON that does."""
    try:
        data = read_yaml(text, "prompt")[0]
    except SpecError:
        return []
    return [key for key in RunSpec.model_fields if key in data] if isinstance(data, dict) else []


def _standard_input() -> Document:
    if sys.stdin is None or sys.stdin.closed:
        raise SpecError("standard input is closed, so no spec can be read from it", hint="use a spec file")
    try:
        content = sys.stdin.buffer.read(document.LARGEST + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError("standard input is not text (UTF-8)", hint="send a spec in YAML or JSON") from None
    except OSError as error:
        raise SpecError(f"standard input cannot be read: {error.strerror}", hint="use a spec file") from None
    if len(content) > document.LARGEST:
        raise SpecError(f"standard input: a spec has at most {document.LARGEST >> 10} KB", hint="is this the right file?")
    return document.parse(text, name="stdin", folder=Path.cwd())


def _carried(video: Path) -> Document:
    from vstar_sdk.output.metadata import read_spec

    text = read_spec(video)
    shown = printable(str(video))
    if text is None:
        raise SpecError(
            f"{shown} has no spec in its metadata", hint="vstar writes one into its MP4 files, unless metadata is off"
        )
    return document.parse(text, name=shown, folder=video.parent)
