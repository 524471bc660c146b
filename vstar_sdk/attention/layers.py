"""Layers left out of some branches of a guidance: their blocks give back what they were given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from vstar_sdk.attention.branched import branch_runs
from vstar_sdk.attention.call import Current
from vstar_sdk.attention.plan import SitePlan
from vstar_sdk.errors import ModelError, SamplerError


@contextmanager
def layers_left_out(
    denoiser: nn.Module, sites: Sequence[SitePlan], current: Current, streams: tuple[str, ...]
) -> Generator[None]:
    """While it is open, blocks give back what they were given, for the videos of branches that leave them out.

    A block is computed all the same where other branches run in the same call (``guidance_batch: one``), and where something else
    stands in the place of its ``forward``, such as offloading, which counts the calls. Else it is not.

    Args:
        denoiser: the network whose modules the sites name.
        sites: of a plan.
        current: says which branch each video of a call is.
        streams: see `vstar_sdk.Family.streams`.

    Raises:
        ModelError: a block is not made of such streams.
        SamplerError: the denoiser is compiled, and would not notice.
    """
    left: dict[str, set[str]] = {}
    for planned in sites:
        for branch in planned.branches:
            if branch.skip is not None and branch.skip.what == "layer":
                left.setdefault(planned.site.name.rpartition(".")[0], set()).add(branch.branch)
    if left and getattr(denoiser, "_compiled_call_impl", None) is not None:
        raise SamplerError(
            "a guidance leaves layers out, which a compiled denoiser would not notice",
            hint="leave model.compile out, or use a guidance that changes attention alone, such as pag",
        )
    with ExitStack() as opened:
        for name, branches in left.items():
            block = denoiser.get_submodule(name)
            hook = _LeftOut(name, block, branches, current, streams)
            opened.callback(block.register_forward_hook(hook, with_kwargs=True).remove)
            if "forward" not in vars(block):
                block.forward = hook.instead_of(block)
                opened.callback(delattr, block, "forward")
        yield


class _LeftOut:
    """A forward hook of one block."""

    def __init__(self, name: str, block: nn.Module, branches: set[str], current: Current, streams: tuple[str, ...]) -> None:
        self._name, self._branches, self._current, self._streams = name, branches, current, streams
        self._signature = inspect.signature(type(block).forward)
        self._several: bool | None = None  # until it has given something
        if missing := [stream for stream in streams if stream not in self._signature.parameters]:
            raise ModelError(
                f"{name}: a {type(block).__name__} takes no {missing[0]}, and so cannot be left out",
                hint="its family names in streams what its blocks are given and give back",
            )

    def __call__(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The output, with what was given in the place of some videos' part."""
        given = self._signature.bind(block, *args, **kwargs).arguments
        self._several = several = isinstance(output, tuple)
        outputs = cast(tuple[Tensor, ...], output if several else (output,))
        if len(outputs) != len(self._streams):
            raise SamplerError(f"{self._name} gave {len(outputs)} tensors, and not one for each of {', '.join(self._streams)}")
        mixed = tuple(self._mixed(given[stream], after) for stream, after in zip(self._streams, outputs, strict=True))
        return mixed if several else mixed[0]

    def instead_of(self, block: nn.Module) -> Callable[..., Any]:
        """A ``forward`` that computes nothing where all videos of a call leave the block out."""
        own = block.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            given = self._signature.bind(block, *args, **kwargs).arguments
            streams = tuple(given[stream] for stream in self._streams)
            names = {run.name for run in branch_runs(self._current, len(streams[0]))}
            if self._several is None or not names <= self._branches:
                return own(*args, **kwargs)
            return streams if self._several else streams[0]

        return forward

    def _mixed(self, before: Tensor, after: Tensor) -> Tensor:
        runs = branch_runs(self._current, len(before))
        return torch.cat([(before if name in self._branches else after)[rows] for name, _, _, rows in runs])
