"""Attention of a call whose videos are not all nursed alike: some branches of the guidance have executors of their own."""

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


class BranchRun(NamedTuple):
    """Neighbouring videos of a call that are of one branch."""

    name: str
    videos: slice
    rows: slice


class BranchedAttention:
    """Attention by the executor of each video's branch.

    Args:
        own: of the branches that are not changed.
        changed: of the others, by their names.
        current: says which branch each video of the call is.
    """

    def __init__(self, own: Executor, changed: Mapping[str, Executor], current: Current) -> None:
        self._own, self._changed, self._current = own, dict(changed), current

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        for attend in (self._own, *self._changed.values()):
            attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output."""
        del part
        made: list[Tensor] = []
        for name, rows in self._running(len(query)):
            attend = self._changed.get(name, self._own)
            q, k, v = query[rows], key[rows], value[rows]
            made.append(attend(q, k, v) if layout is ALL_VIDEO else cast(JointExecutor, attend)(q, k, v, layout=layout.of(rows)))
        return made[0] if len(made) == 1 else torch.cat(made)

    def unchanged(self, batch: int) -> Iterator[tuple[Executor, slice]]:
        """The rows of the branches that are not changed, with their executor, for whoever records maps.

        Args:
            batch: of the queries.
        """
        for name, rows in self._running(batch):
            if name not in self._changed:
                yield self._own, rows

    def _running(self, batch: int) -> Iterator[tuple[str, slice]]:
        """Each branch of the call with its rows; while one is looked at, the call is laid out as if it held its videos alone."""
        current, whole = self._current, self._current.layout
        for name, videos, rows in branch_runs(current, batch):
            current.layout = whole.of(videos) if whole is not None and whole.names else whole
            yield name, rows
        current.layout = whole


def branch_runs(current: Current, batch: int) -> list[BranchRun]:
    """The videos of a call, neighbours of one branch together.

    Args:
        current: says which branch each of them is.
        batch: of whatever holds them, one after the other.
    """
    names = current.layout.names if current.layout is not None else ()
    if not names:
        return [BranchRun("", slice(None), slice(None))]
    each = batch // len(names)
    runs: list[BranchRun] = []
    for name, group in groupby(range(len(names)), key=lambda video: names[video]):
        inside = list(group)
        first, end = inside[0], inside[-1] + 1
        runs.append(BranchRun(name, slice(first, end), slice(first * each, end * each)))
    return runs
