"""The models of a session: loaded once, kept warm, and let go."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vstar_sdk.options import ModelOptions
from vstar_sdk.runs.forks import renewed_in_children
from vstar_sdk.runs.plan import Plan

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.previews import Palette


@dataclass
class _Loaded:
    """A model in memory: its name, as in ``use``, its options of memory and speed, and how its latents look, once asked."""

    name: str
    how: str
    adapter: Adapter
    palette: Palette | None = None


class Models:
    """Loaded models by their options.

    Args:
        most: how many are kept at once; the one that was used least recently goes first. None: no limit.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._closed = False
        self._lock = threading.RLock()
        renewed_in_children(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models in memory, as in ``use``; the one used last comes last."""
        return tuple(loaded.name for loaded in list(self._loaded.values()))

    def get(self, plan: Plan) -> Adapter:
        """A plan's model, loaded once for the same options.

        A model that was loaded with other options of memory and speed is let go first: there may be no room for both. So is the
        one that was used least recently, where there are as many as may be. Once this is closed, nothing is kept.

        Raises:
            ModelError: it cannot be loaded.
        """
        from vstar_sdk.weights.devices import check_fused, resolve_device, resolve_dtype

        options: Any = plan.spec.model
        device = resolve_device(plan.loaded.catalog.resolver.device(getattr(options, "device", "auto")))
        dtype = resolve_dtype(getattr(options, "dtype", "auto"), device)
        if getattr(options, "fused", False):
            check_fused(device)
        single: set[str] = {*getattr(options, "ONE_AT_A_TIME", ModelOptions.ONE_AT_A_TIME)}
        model = options.model_dump_json(exclude=single)
        how = options.model_dump_json(include=single - {"device", "dtype"}) + device + dtype
        with self._lock:
            if self._closed:
                return plan.source.load(device, dtype)
            loaded = self._loaded.get(model)
            if loaded is not None and loaded.how == how:
                self._loaded.move_to_end(model)
                return loaded.adapter
            del loaded
            others = [other for other in self._loaded if other != model]
            too_many = max(0, len(others) + 1 - self._most) if self._most else 0
            self._let_go([model, *others[:too_many]])
            adapter = plan.source.load(device, dtype)
            self._loaded[model] = _Loaded(options.part, how, adapter)
            return adapter

    def palette(self, adapter: Adapter) -> Palette:
        """What is known of how a model's latents look; the same palette as long as the model is kept.

        Args:
            adapter: from `get`.
        """
        from vstar_sdk.runs.palettes import palette_of  # here, because it brings torch

        with self._lock:
            kept = next((loaded for loaded in self._loaded.values() if loaded.adapter is adapter), None)
            palette = kept.palette if kept is not None else None
            if palette is None:
                palette = palette_of(adapter)
            if kept is not None:
                kept.palette = palette
            return palette

    def unload(self, name: str | None = None) -> None:
        """Let go of the models of a name, or of all.

        Args:
            name: as in ``use``; None: every model.
        """
        with self._lock:
            self._let_go([model for model, loaded in self._loaded.items() if name in (None, loaded.name)])

    def close(self) -> None:
        """Let go of all models, and keep none from now on."""
        with self._lock:
            self._closed = True
            self.unload()

    def after_fork(self) -> None:
        """In a child process: nobody holds the lock, and a model in the midst of the parent's run is of no use here."""
        self._lock = threading.RLock()
        self._loaded.clear()

    def _let_go(self, models: list[str]) -> None:
        """Free their memory: a compiled network is part of a cycle, and the device keeps what it had."""
        if not [self._loaded.pop(model) for model in models if model in self._loaded]:
            return
        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
