"""Files of values: a text file with one a line, CSV with a header or without, JSONL. Every error says the file and the line."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import TooLarge, read_bounded
from vstar_sdk.reading.places import place_of

LARGEST = 16 << 20
"""Bytes of the largest file."""

MOST = 100_000
"""Values of the longest."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]+|(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)\Z")


@dataclass(frozen=True)
class Row:
    """What one line holds.

    Attributes:
        values: one for each path.
        place: ``file:line``.
    """

    values: tuple[Any, ...]
    place: str


def read_values(path: Path, paths: Sequence[str], texts: Sequence[bool]) -> list[Row]:
    """Read a file of values.

    Args:
        path: ``.csv``, ``.jsonl``, or any other for a text file.
        paths: of the spec, whose values stand in a line.
        texts: which of them hold text alone, so that ``2001`` is a text there, too.

    Raises:
        SpecError: it cannot be read, or a line does not hold the values; with file and line.
    """
    shown = printable(str(path))
    try:
        text = read_bounded(path, LARGEST).decode("utf-8-sig")
    except TooLarge:
        raise SpecError(f"{shown}: more than {LARGEST >> 20} MB is too large for values of a sweep", hint="split it") from None
    except FileNotFoundError:
        raise SpecError(f"there is no file {shown}", hint="a relative path starts at the folder of the spec") from None
    except UnicodeDecodeError as error:
        line, _ = place_of(error.object[: error.start].decode("utf-8", "replace"))
        raise SpecError(f"{shown}:{line}: this is not text (UTF-8)", hint="save it as a UTF-8 text file") from None
    except OSError as error:
        raise SpecError(f"{shown} cannot be read: {error.strerror}") from None
    form: _Form = {".csv": _csv, ".jsonl": _jsonl}.get(path.suffix.lower(), _lines)
    rows: list[Row] = []
    for line, values in form(text, shown, paths, texts):
        if len(rows) == MOST:
            raise SpecError(f"{shown}:{line}: more than {MOST:,} values", hint="split it")
        rows.append(Row(values, f"{shown}:{line}"))
    if not rows:
        raise SpecError(f"{shown}: it has no value", hint="write one a line")
    return rows


_Form = Callable[[str, str, Sequence[str], Sequence[bool]], Iterator[tuple[int, tuple[Any, ...]]]]


def _lines(text: str, shown: str, paths: Sequence[str], texts: Sequence[bool]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    if len(paths) > 1:
        raise SpecError(f"{shown}: a text file has one value a line, not {len(paths)}", hint="write a CSV or JSONL file")
    for line, content in enumerate(text.split("\n"), 1):
        if content.strip():
            yield line, (_value(content.strip(), texts[0]),)


def _csv(text: str, shown: str, paths: Sequence[str], texts: Sequence[bool]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    columns, width, first = list(range(len(paths))), len(paths), True
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            names = [cell.strip() for cell in cells]
            if first and set(paths) <= set(names):
                columns, first, width = [names.index(path) for path in paths], False, len(names)
                continue
            first = False
            if len(cells) != width:
                _refuse(shown, reader.line_num, f"{_count(len(cells), 'column')} instead of {width}: {', '.join(paths)}")
            yield reader.line_num, tuple(_value(cells[column], alone) for column, alone in zip(columns, texts, strict=True))
    except csv.Error as error:
        _refuse(shown, reader.line_num, f"this is not valid CSV: {error}")


def _jsonl(text: str, shown: str, paths: Sequence[str], texts: Sequence[bool]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            data: Any = json.loads(content, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            _refuse(shown, line, f"this is not valid JSON: {error}")
        named = cast(dict[str, Any], data) if isinstance(data, dict) else {}
        if set(named) == set(paths):
            yield line, tuple(named[path] for path in paths)
        elif len(paths) == 1:
            yield line, (data,)
        elif isinstance(data, list) and len(cast(list[Any], data)) == len(paths):
            yield line, tuple(cast(list[Any], data))
        else:
            _refuse(shown, line, f"write a list of {len(paths)} values or a mapping: {', '.join(paths)}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _value(text: str, alone: bool) -> Any:
    """A text, or the number that it is written as."""
    if alone or len(text) > 400 or not _NUMBER.match(text.strip()):
        return text
    return int(text) if text.strip().lstrip("+-").isdigit() else float(text)


def _refuse(shown: str, line: int, message: str) -> NoReturn:
    raise SpecError(f"{shown}:{line}: {printable(message)}", hint="fix that line")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
