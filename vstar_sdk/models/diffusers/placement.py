"""Where the weights of a model are while it works and while it waits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from vstar_sdk.models.pipeline_options import Offload

_CPU = torch.device("cpu")


class Placement:
    """The components of a model, and the device that they compute on.

    With ``offload: model`` a component is on the device only inside `using`; with ``group`` each of its layers only while that
    layer computes (diffusers' hooks see to it); else all of them always. What they compute is the same bit for bit.

    Attributes:
        device: where latents and embeddings are.
    """

    def __init__(self, components: Sequence[nn.Module], device: str, offload: Offload) -> None:
        self.device = torch.device(device)
        self._offload: Offload = offload
        self._users: Counter[nn.Module] = Counter()
        self._lock, self._turn = threading.Lock(), threading.RLock()
        for component in components:
            component.eval().requires_grad_(False)
            if offload == "group":
                # Imported here, because all of diffusers' transformers come with it.
                from diffusers.hooks.group_offloading import apply_group_offloading

                # By layers, because a VAE decodes without a call of its whole module, which hooks of blocks would wait for.
                # Without streams: their prefetching needs every layer to run, and layers that do nothing are left out.
                apply_group_offloading(component, self.device, _CPU, offload_type="leaf_level")
            else:
                component.to(_CPU if offload == "model" else self.device)

    @contextmanager
    def computing(self) -> Generator[None]:
        """Around a computation that may run in several threads, as decoding may: layers that come and go serve one at a time."""
        with self._turn if self._offload == "group" else nullcontext():
            yield

    @property
    def resident(self) -> frozenset[nn.Module]:
        """The components that are in use now."""
        return frozenset(self._users)

    @contextmanager
    def using(self, component: nn.Module) -> Generator[None]:
        """While it is open a component can compute; opened again inside itself, it changes nothing."""
        with self._lock:
            if self._offload == "model" and not self._users[component]:
                try:
                    component.to(self.device)
                except BaseException:  # no room for all of it: what is there already goes back
                    component.to(_CPU)
                    raise
            self._users[component] += 1
        try:
            yield
        finally:
            with self._lock:
                self._users[component] -= 1
                if not self._users[component]:
                    del self._users[component]
                    if self._offload == "model":
                        component.to(_CPU)
