"""A small stand-in for ComfyUI: what the nodes call of it, and no more."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import pytest
import torch


class Interrupted(Exception):
    """ComfyUI's own, when its user asks to stop."""


class Host:
    """What a test sees and changes of the stand-in."""

    def __init__(self) -> None:
        self.interrupted = False
        self.bar: list[tuple[int, int, Any]] = []
        self.root = Path()

    def check(self) -> None:
        """Raise once, as ComfyUI does."""
        if self.interrupted:
            self.interrupted = False
            raise Interrupted


HOST = Host()


class Bar:
    """A progress bar."""

    def __init__(self, total: int) -> None:
        self.total = total

    def update_absolute(self, value: int, total: int, preview: Any = None) -> None:
        """Note what is shown."""
        HOST.bar.append((value, total, preview))


class Socket:
    """An input or output of a node."""

    def __init__(self, name: str = "", **more: Any) -> None:
        self.id, self.more = name, more


class NodeOutput:
    """What a node gives."""

    def __init__(self, *values: Any, ui: Any = None) -> None:
        self.values, self.ui = values, ui


class Components(SimpleNamespace):
    """Frames and their rate."""


class Video:
    """A video that can be written, its metadata as JSON."""

    def __init__(self, components: Components) -> None:
        self._components = components

    def save_to(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Write an MP4."""
        images = (self._components.images * 255).round().byte().numpy()
        with av.open(path, "w", options={"movflags": "use_metadata_tags"}) as container:
            container.metadata.update({key: json.dumps(value) for key, value in (metadata or {}).items()})
            stream: Any = container.add_stream("h264", rate=self._components.frame_rate)
            stream.height, stream.width, stream.pix_fmt = *images.shape[1:3], "yuv420p"
            for frame in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))


class Executor:
    """ComfyUI's chain of wrappers around one method."""

    def __init__(self, original: Callable[..., Any], owner: Any, wrappers: list[Callable[..., Any]]) -> None:
        self.original, self.class_obj, self._wrappers = original, owner, wrappers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The next wrapper, or at last the method."""
        if not self._wrappers:
            return self.original(*args, **kwargs)
        first, *rest = self._wrappers
        return first(Executor(self.original, self.class_obj, rest), *args, **kwargs)


class Model:
    """A MODEL: a network that clones share, and wrappers that they do not."""

    def __init__(self, network: Any) -> None:
        self.model = SimpleNamespace(diffusion_model=network)
        self.wrappers: dict[tuple[str, str], list[Any]] = {}

    def clone(self) -> Model:
        """Another one of the same network."""
        made = Model(self.model.diffusion_model)
        made.wrappers = {key: list(given) for key, given in self.wrappers.items()}
        return made

    def get_wrappers(self, kind: str, key: str) -> list[Any]:
        """Those of a key."""
        return self.wrappers.get((kind, key), [])

    def add_wrapper_with_key(self, kind: str, key: str, wrapper: Any) -> None:
        """Put one around the network."""
        self.wrappers.setdefault((kind, key), []).append(wrapper)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the network as ComfyUI's sampler does."""
        network = self.model.diffusion_model
        around = [one for given in self.wrappers.values() for one in given]
        return Executor(network.forward, network, around)(*args, **kwargs)


def save_path(prefix: str, output: str, width: int, height: int) -> tuple[str, str, int, str, str]:
    """Where the next file of a prefix goes."""
    del width, height
    folder, _, name = prefix.rpartition("/")
    there = Path(output) / folder
    there.mkdir(parents=True, exist_ok=True)
    return str(there), name, 1 + len(list(there.glob(f"{name}_*"))), folder, prefix


def _kind(name: str) -> Any:
    return type(name, (), {"Input": Socket, "Output": Socket})


def _modules() -> dict[str, ModuleType]:
    io = SimpleNamespace(
        **{name: _kind(name) for name in ("String", "Combo", "Int", "Float", "Boolean", "Image", "Model", "Clip")},
        Custom=_kind,
        ComfyNode=type("ComfyNode", (), {"hidden": SimpleNamespace(prompt=None, extra_pnginfo=None)}),
        Schema=SimpleNamespace,
        NodeOutput=NodeOutput,
        Hidden=SimpleNamespace(prompt="prompt", extra_pnginfo="extra_pnginfo"),
        FolderType=SimpleNamespace(output="output"),
    )
    ui = SimpleNamespace(PreviewVideo=list, SavedResult=lambda *file: file)
    given: dict[str, dict[str, Any]] = {
        "comfy_api": {},
        "comfy_api.latest": {
            "io": io,
            "ui": ui,
            "ComfyExtension": object,
            "Types": SimpleNamespace(VideoComponents=Components),
            "InputImpl": SimpleNamespace(VideoFromComponents=Video),
        },
        "comfy": {},
        "comfy.utils": {"ProgressBar": Bar},
        "comfy.model_management": {"throw_exception_if_processing_interrupted": HOST.check},
        "comfy.cli_args": {"args": SimpleNamespace(disable_metadata=False)},
        "folder_paths": {
            "models_dir": "/nowhere/models",
            "get_input_directory": lambda: "/nowhere/input",
            "get_output_directory": lambda: str(HOST.root),
            "get_save_image_path": save_path,
        },
    }
    made: dict[str, ModuleType] = {}
    for name, attributes in given.items():
        made[name] = ModuleType(name)
        vars(made[name]).update(copy.copy(attributes))
    return made


sys.modules.update(_modules())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The stand-in, new for a test."""
    HOST.interrupted, HOST.bar, HOST.root = False, [], tmp_path
    return HOST


@pytest.fixture
def model_of() -> Callable[[Any], Model]:
    """A MODEL that holds a network."""
    return Model


@pytest.fixture
def wan(model_of: Callable[[Any], Model]) -> Model:
    """A MODEL whose network is of Wan's kind, the same every time."""
    from stand_ins import WanModel  # which needs the modules above

    torch.manual_seed(0)
    return model_of(WanModel())


@pytest.fixture
def interruption() -> type[Exception]:
    """What the host raises when its user asks to stop."""
    return Interrupted
