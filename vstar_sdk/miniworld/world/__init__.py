"""The procedural world: scenes whose stage is known, rendered with numpy. Each module with a Scene is a family."""

import importlib
import inspect
import pkgutil
from functools import cache

from vstar_sdk.miniworld.world.scene import Scene


@cache
def scenes() -> dict[str, type[Scene]]:
    """The families of the world by name, found by scanning this package."""
    found: dict[str, type[Scene]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Scene) and not inspect.isabstract(value):
                found[value.family] = value
    return dict(sorted(found.items()))


def scene(family: str, seed: int) -> Scene:
    """A layout of a family, the same for the same seed; KeyError for a family that does not exist."""
    return scenes()[family](seed)
