"""Attention of a call whose videos are not all nursed alike: branches of the guidance have executors of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple, cast

import torch
from torch import Tensor

from vstar_sdk.attention.call import Current
from vstar_sdk.attention.executors import Executor, Frames, JointExecutor
from vstar_sdk.attention.joint_biases import with_texts_done
from vstar_sdk.attention.layout import ALL_VIDEO, Layout


class ValuesAttention:
    """``out = V`` for the tokens of the video: no attention among them. Those of text attend as the model has it."""

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        del part
        if not layout.texts:
            return value
        out = with_texts_done(query, key, value, layout)
        video = layout.video(value.shape[2])
        out[:, :, video] = value[:, :, video]
        return out


values_attention = ValuesAttention()
"""One instance is enough: it holds nothing."""


Executors = Mapping[bool | None, Executor]
"""Of a branch, by whether the prompt conditions it; None where that makes no difference."""


class BranchRun(NamedTuple):
    """Neighbouring videos of a call that are of one branch."""

    name: str
    prompted: bool
    videos: slice
    rows: slice


class BranchedAttention:
    """Attention by the executor of each video's branch.

    Args:
        own: of the branches that are not changed.
        changed: of the others, by their names.
        current: says which branch each video of the call is.
    """

    def __init__(self, own: Executors, changed: Mapping[str, Executors], current: Current) -> None:
        self._own, self._changed, self._current = own, dict(changed), current

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        for attends in (self._own, *self._changed.values()):
            for attend in attends.values():
                attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        del part
        made: list[Tensor] = []
        for _, attend, rows in self._running(len(query)):
            q, k, v = query[rows], key[rows], value[rows]
            made.append(attend(q, k, v) if layout is ALL_VIDEO else cast(JointExecutor, attend)(q, k, v, layout=layout.of(rows)))
        return made[0] if len(made) == 1 else torch.cat(made)

    def unchanged(self, batch: int) -> Iterator[tuple[Executor, slice]]:
        """The rows of the branches that are not changed, with their executor, for whoever records maps.

        Args:
            batch: of the queries.
        """
        for name, attend, rows in self._running(batch):
            if name not in self._changed:
                yield attend, rows

    def _running(self, batch: int) -> Iterator[tuple[str, Executor, slice]]:
        """Each branch of the call with its executor and its rows; while one is looked at, the call is laid out as if it held its
        videos alone."""
        current, whole = self._current, self._current.layout
        for name, prompted, videos, rows in branch_runs(current, batch):
            current.layout = whole.of(videos) if whole is not None else None
            attends = self._changed.get(name, self._own)
            yield name, attends[None] if None in attends else attends[prompted], rows
        current.layout = whole


def branch_runs(current: Current, batch: int) -> list[BranchRun]:
    """The videos of a call, neighbours of one branch together.

    Args:
        current: says which branch each of them is.
        batch: of whatever holds them, one after the other.
    """
    layout = current.layout
    if layout is None:
        return [BranchRun("", True, slice(None), slice(None))]
    prompted = layout.branches()
    told = list(zip(layout.names or ("",) * len(prompted), prompted, strict=True))
    each = batch // len(told)
    runs: list[BranchRun] = []
    for (name, conditioned), group in groupby(range(len(told)), key=lambda video: told[video]):
        inside = list(group)
        first, end = inside[0], inside[-1] + 1
        runs.append(BranchRun(name, conditioned, slice(first, end), slice(first * each, end * each)))
    return runs
