"""A check for executors: a small sweep, one cell of which fails and one of which is done already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.executors import CONTRACT
from vstar_sdk.runs.belongings import MANIFEST, SPEC
from vstar_sdk.spec.document import Document
from vstar_sdk.sweeps.cells import run_cells
from vstar_sdk.sweeps.contract import Executor
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.planning import plan_sweep
from vstar_sdk.sweeps.status import SweepStatus

STORY = {
    "prompt": "a volcano wakes up",
    "frames": 4,
    "size": "64x48",
    "sampling": {"steps": 1},
    "output": [{"use": "frames"}],
}


def sample_sweep(folder: Path, cells: int = 4) -> Sweep:
    """A small sweep of the embedded model over seeds, its index written.

    Args:
        folder: a new or empty one.
        cells: how many.
    """
    sweep = plan_sweep(Document({**STORY, "sweep": {"seed": list(range(cells))}}), folder).sweep
    sweep.claim()
    return sweep


def check_executor(make: Callable[[], Executor], folder: Path) -> SweepStatus:
    """Have a small sweep done, as the command does.

    Args:
        make: gives a new executor at every call, as a part's factory does.
        folder: an empty one, which takes the place of the sweep directory; its processes must see it.

    Returns:
        How the sweep stands, for checks of your own.

    Raises:
        PluginError: it returns something, or raises what it should not.
        AssertionError: a cell is not done, is done twice, or one that fails is not recorded.
    """
    sweep = sample_sweep(folder)
    stray = sweep.path("0001") / SPEC
    stray.parent.mkdir(parents=True)
    stray.write_text("a file that no run wrote")
    run_cells(folder, ["0002"])
    before = (sweep.path("0002") / MANIFEST).read_bytes()
    cells = [cell.id for cell in sweep.cells]
    for _ in range(2):
        executor = Call(Origin("the executor under test"), "object").checked(
            lambda made, call: CONTRACT.contain(made, call.origin), make()
        )
        executor.run(folder, cells)
        states = list(SweepStatus.of(sweep).states.values())
        assert states == ["done", "failed", "done", "done"], f"the cells are {states}: give all of them to vstar_sdk.run_cells"
    assert (sweep.path("0002") / MANIFEST).read_bytes() == before, "a cell that was done was done again"
    return SweepStatus.of(sweep)
