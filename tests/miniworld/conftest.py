"""A tiny random joint sibling of the embedded model, exported as the trained one is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.export_dit import export
from training.transformer import new_transformer
from vstar_sdk import hookimpl
from vstar_sdk.miniworld.joint.source import MiniworldDitOptions, MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS as BASE


def write_dit(directory: Path, *, marker: bool = True) -> None:
    """Write a denoiser of two blocks whose output is no longer zero, as it is before a training."""
    torch.manual_seed(0)
    network = new_transformer(small=True, marker=marker)
    torch.nn.init.normal_(network.proj_out.weight, std=0.1)
    for block in network.blocks:
        for norm in (block.attn1.norm_q, block.attn1.norm_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    export(directory, {f"transformer.{name}": value for name, value in network.state_dict().items()})


@pytest.fixture(scope="session")
def dit_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its directory."""
    directory = tmp_path_factory.mktemp("miniworld-dit")
    write_dit(directory)
    return directory


@pytest.fixture(scope="session")
def dit(dit_dir):
    """The same, loaded."""
    return MiniworldDitSource(directory=dit_dir, base=BASE).load("cpu", "float32")


@pytest.fixture(scope="session")
def dit_plugin(dit_dir):
    """A plugin whose model ``trial/dit`` it is."""

    class Trial:
        vstar_plugin_name = "trial"

        @hookimpl
        def register_models(self, register):
            def factory(options):
                return MiniworldDitSource(directory=dit_dir, base=BASE, options=options)

            register("dit", options=MiniworldDitOptions, factory=factory, summary="A tiny joint sibling.")

    return Trial()
