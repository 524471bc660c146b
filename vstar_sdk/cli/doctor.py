"""``vstar doctor``: what is here, and what is missing for which part."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click

from vstar_sdk.caches import ROOMS, cache_folder
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json
from vstar_sdk.plugin.health import survey
from vstar_sdk.spec.defaults import config_file

_PACKAGES = ("vstar-sdk", "torch", "diffusers", "transformers", "accelerate", "numpy", "av", "pillow", "pydantic", "pluggy")

_NEEDED = {
    "peft": ("LoRAs of animatediff", "pip install peft"),
    "llguidance": ("local language models: answers constrained to the schema", "pip install llguidance"),
}
"""Packages that some part needs: for what, and how to get it."""


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Show versions, devices, plugins, caches, and what is missing for which part."""
    found = {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": _devices(),
        "plugins": {health.name: _state(health.state, health.reasons) for health in survey()[1]},
        "caches": dict(_caches()),
        "config": _config(),
        "missing": {name: {"for": what, "remedy": how} for name, (what, how) in _NEEDED.items() if _absent(name)},
        "environment": sorted(name for name in os.environ if name.startswith(("VSTAR_", "HF_"))),
    }
    if as_json:
        document_json(found)
        return
    document("\n".join(_lines(found)) + "\n")


def _config() -> str:
    path = config_file()
    return "switched off" if path is None else f"{path}" if path.exists() else f"{path} (there is none)"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _absent(package: str) -> bool:
    return importlib.util.find_spec(package) is None


def _devices() -> list[str]:
    import torch

    found = [f"cpu, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"]
    for index in range(torch.cuda.device_count()):
        about: Any = cast(Any, torch.cuda).get_device_properties(index)
        found.append(f"cuda:{index}, {about.name}, {about.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def _state(state: str, reasons: tuple[str, ...]) -> str:
    return f"{state}: {'; '.join(reasons)}" if reasons else state


def _caches() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        try:
            folder = cache_folder(room)
        except OSError as error:
            yield room, f"none: {error.strerror}"
        else:
            yield room, f"{folder} ({_size(folder)})"


def _size(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return f"{sum(path.stat().st_size for path in files) / 2**20:.1f} MiB" if files else "empty"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"python   {found['python']}"
    for name, version in found["packages"].items():
        yield f"package  {name} {version or 'is missing'}"
    for device in found["devices"]:
        yield f"device   {device}"
    for name, state in found["plugins"].items():
        yield f"plugin   {name}, {state}"
    for room, about in found["caches"].items():
        yield f"cache    {room}, {about}"
    yield f"config   {found['config']}"
    for name, about in found["missing"].items():
        yield f"missing  {name}, for {about['for']}: {about['remedy']}"
    for name in found["environment"]:
        yield f"set      {name}"
