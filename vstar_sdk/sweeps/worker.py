"""``python -m vstar_sdk.sweeps.worker SWEEP``: a process of the executor ``local``.

The first line of its standard input has the ids of the cells. It ends when it has no more to do, or when its standard input is
closed: so also when the process that started it dies.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path

from vstar_sdk.errors import VstarError
from vstar_sdk.sweeps.cells import ATTEMPTS, Interrupted, run_cells

AGAIN = 75
"""Exit code of a worker that wants to be started again: something unforeseen happened in it."""


def main() -> None:
    """Read the cells, and do them."""
    parser = argparse.ArgumentParser(prog="python -m vstar_sdk.sweeps.worker", description=__doc__)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--attempts", type=int, default=ATTEMPTS)
    given = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see `vstar_sdk.cli.run`
    cells = sys.stdin.readline().split()
    ended = threading.Event()
    threading.Thread(target=_listen, args=(ended,), daemon=True).start()
    try:
        run_cells(given.sweep, cells, attempts=given.attempts, ended=ended.is_set, report=_report)
    except Interrupted:
        sys.exit(0)
    except VstarError as error:
        _report(f"error: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        sys.exit(1)
    except Exception as error:
        _report(f"unexpected {type(error).__name__}: {error}; a new process continues")
        sys.exit(AGAIN)


def _listen(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _report(line: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] {line}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
