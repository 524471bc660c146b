"""Run as a program: imports one target, and writes into a report that it survived; where it stands when it hangs or crashes.

It is started by its path, and imports nothing of the package, so that what is tried is the plugin alone.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

SURVIVED = "survived"
"""What the report ends with when the import came back, with or without an error."""


def main(request: Path) -> None:
    """Import what a file asks for.

    Args:
        request: JSON with ``target``, the parent's ``path``, ``seconds`` that it may take, and where the ``report`` is written.
    """
    leave = os._exit
    asked = json.loads(request.read_text(encoding="utf-8"))
    report = Path(asked["report"])
    sys.path[:] = asked["path"]
    with report.open("w", encoding="utf-8") as file:
        faulthandler.enable(file)
        faulthandler.dump_traceback_later(asked["seconds"], exit=True, file=file)
        with suppress(BaseException):  # what it raises, the parent meets and tells
            module, _, attribute = asked["target"].partition(":")
            found: object = importlib.import_module(module.strip())
            for name in filter(None, attribute.strip().split(".")):
                found = getattr(found, name)
        with report.open("a", encoding="utf-8") as last:
            last.write(f"\n{SURVIVED}\n")
        leave(0)  # at once: threads and exit functions of the plugin are not part of its import


if __name__ == "__main__":
    main(Path(sys.argv[1]))
