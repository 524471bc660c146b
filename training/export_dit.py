"""Writes the joint sibling's denoiser as the package holds it: ``python -m training.export_dit RUN DIR``.

It takes the newest checkpoint of a run, also while it is training.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from training.transformer import CHANNELS, new_transformer
from vstar_sdk.miniworld.joint.adapter import BASE_WEIGHTS
from vstar_sdk.miniworld.parts import WEIGHTS
from vstar_sdk.weights.directory import file_hash

SHIFT = 3.0
"""Of the schedule at sampling, as at training."""


def export(folder: Path, averaged: dict[str, Tensor], base: Path = WEIGHTS) -> None:
    """Write ``transformer`` in float16, ``scheduler``, and ``base.json``, which says what it was trained with.

    Args:
        folder: made if absent; files of an earlier export are replaced.
        averaged: the weights of a `training.flow.Flow`.
        base: the pipeline of miniworld that it was trained with.
    """
    marker = averaged["transformer.patch_embedding.weight"].shape[1] > CHANNELS
    small = "transformer.blocks.2.norm2.weight" not in averaged
    network: Any = new_transformer(small, marker)
    halves = {name.removeprefix("transformer."): value.half() for name, value in averaged.items()}
    network.load_state_dict(halves, assign=True)
    network.save_pretrained(folder / "transformer", safe_serialization=True)
    build: Any = FlowMatchEulerDiscreteScheduler
    build(shift=SHIFT).save_pretrained(folder / "scheduler")
    hashes = {name: file_hash(base / name) for name in BASE_WEIGHTS}
    (folder / "base.json").write_text(json.dumps(hashes, indent=2) + "\n")


def newest(run: Path) -> dict[str, Any]:
    """The newest checkpoint of a run.

    Raises:
        FileNotFoundError: it has none yet.
    """
    found = [path for name in ("clips", "images") if (path := run / f"{name}.pt").exists()]
    if not found:
        raise FileNotFoundError(f"{run}: no checkpoint yet")
    return torch.load(found[0], weights_only=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("folder", type=Path, help="where the denoiser goes")
    parser.add_argument("--base", type=Path, default=WEIGHTS, help="the pipeline of miniworld that it was trained with")
    args = parser.parse_args()
    state = newest(args.run)
    export(args.folder, state["slow"], args.base)
    print(f"step {state['step']} after {state['spent']:.0f} s")


if __name__ == "__main__":
    main()
