"""The standard streams of a command: any of them may be closed, full or absent, and stdout is for documents alone."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from vstar_sdk.errors import OutputError
from vstar_sdk.output.descriptors import fill_standard_descriptors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDOUT, _STDERR = 1, 2


class _Raw(io.RawIOBase):
    """A descriptor to print to.

    Stderr drops what it cannot take, for no run should end because nobody can be told how it goes. Stdout tells it once, as an
    error that says which stream it is.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._lost = False

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        whole = memoryview(data).nbytes
        if self._lost:
            return whole
        try:
            return os.write(self.descriptor, data)
        except OSError as error:
            if self.descriptor == _STDERR:
                return whole
            self._lost = True
            if isinstance(error, BrokenPipeError):
                raise
            raise cannot_be_written(error) from None


def _printing(descriptor: int, before: TextIO | None) -> TextIO:
    """A stream of text to a descriptor, in the encoding of the one before."""
    encoding = getattr(before, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(_Raw(descriptor)), encoding, "backslashreplace", line_buffering=True)


def cannot_be_written(error: OSError) -> OutputError:
    """The error for a document that stdout does not take."""
    return OutputError(f"stdout cannot be written: {error.strerror}", hint="send it to a file on another disk")


class Document:
    """Where documents go: the stream that was stdout.

    Args:
        stream: the stream, or None where there is none: then nothing is written.
        descriptor: to write to past the stream's buffer.
    """

    def __init__(self, stream: TextIO | None, descriptor: int | None = None) -> None:
        self._stream, self.descriptor = stream, descriptor
        self.terminal = stream is not None and stream.isatty()

    def write(self, text: str) -> None:
        """Write all of a text.

        Raises:
            OSError: it cannot be written.
        """
        if self.descriptor is None:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
            return
        # A file holds UTF-8, as YAML and JSON want it; a terminal shows what it can.
        encoding = getattr(self._stream, "encoding", None) if self.terminal else None
        data = memoryview(text.encode(encoding or "utf-8", "backslashreplace"))
        while data:
            try:
                data = data[os.write(self.descriptor, data) :]
            except BlockingIOError:  # another program set it so; a pipe that is full for now is not lost
                select.select([], [self.descriptor], [])


_apart: Document | None = None
_own_process = False


def take_process() -> None:
    """Put the streams of a process in order that is the command's own: called once, before anything is opened."""
    global _own_process
    _own_process = True
    fill_standard_descriptors()
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  (it is where it was closed)
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    for name, number in (("stdout", _STDOUT), ("stderr", _STDERR)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif os.name != "nt":  # a console of Windows has a way of its own
            setattr(sys, name, _printing(number, stream))


def document() -> Document:
    """Where documents go now."""
    return _apart or Document(sys.stdout)


@contextmanager
def apart() -> Generator[None]:
    """Keep stdout for documents: whatever else is printed there, by way of Python or of descriptor 1, goes to stderr.

    In a process of the command's own that is so until its end: what plugins have left in buffers, or print at the exit, would
    follow the document otherwise.
    """
    global _apart
    if _apart is not None:
        yield
        return
    stdout = sys.stdout
    descriptor = _diverted(stdout)
    _apart = Document(stdout, descriptor)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        if not _own_process:
            sys.stdout, _apart = stdout, None
            if descriptor is not None:
                with suppress(OSError, ValueError):
                    stdout.flush()
                os.dup2(descriptor, _STDOUT)
                os.close(descriptor)


@contextmanager
def handed_over() -> Generator[None]:
    """Give descriptor 1 to a protocol that keeps it for itself: until the end of the block it is what it was to `Document`."""
    kept = None if _apart is None else _apart.descriptor
    if kept is None:
        yield
        return
    before = sys.stdout
    os.dup2(kept, _STDOUT)
    sys.stdout = open(_STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdout = before
        os.dup2(_STDERR, _STDOUT)


def _diverted(stdout: TextIO | None) -> int | None:
    """Lead descriptor 1 to stderr, if that is where stdout writes.

    Returns:
        A new descriptor of what 1 was.
    """
    try:
        if stdout is None or stdout.fileno() != _STDOUT:
            return None
        stdout.flush()
        kept = os.dup(_STDOUT)
    except (OSError, ValueError):  # a host's own stream, a closed one
        return None
    os.dup2(_STDERR, _STDOUT)
    return kept
