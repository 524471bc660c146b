from __future__ import annotations

import subprocess
import sys

LIST_LOADED = """
import importlib, pkgutil, sys
import pydantic, pluggy
import vstar_sdk.output as room
for info in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
    importlib.import_module(info.name)
print(*sorted({"av", "PIL", "numpy", "torch"} & set(sys.modules)))
"""


def test_scanning_for_exporters_loads_neither_video_nor_image_libraries():
    done = subprocess.run([sys.executable, "-c", LIST_LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
