"""What one of several processes that share a clip computes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from diffusers.models._modeling_parallel import ContextParallelConfig
from diffusers.pipelines.wan.pipeline_wan import WanPipeline

from tests.transformer_models import source
from vstar_sdk import attach
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.telling import reading_sites, told, with_text
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, SIZE = 17, 128
"""Of which two processes have two latent frames and a half, or one and a half."""
PROMPTS = ["a green landscape in summer", "a snowy landscape in winter"]


def predictions(name: str, directory: Path, **options: Any) -> Iterator[torch.Tensor]:
    """A call of the denoiser without a regularizer, with TAR, and, at a model whose frames can, with the text of all states.

    Args:
        name: of a tiny model.
        directory: that it is in.
        options: of the model.
    """
    adapter = source(name, directory, **options).load("cpu", "float32")
    facts = adapter.facts
    clock = facts.clock(FRAMES, 8.0)
    latents = torch.randn(adapter.latent_shape(FRAMES, SIZE, SIZE), generator=torch.Generator().manual_seed(1))
    text, timestep = adapter.encode(PROMPTS), torch.tensor(500.0)
    weight = torch.linspace(0.0, 1.0, clock.latents)[:, None, None]
    by_frame = torch.where(weight < 0.5, text[:1], text[1:])[None]
    plan = plan_attention(facts.sites, [Tar(TarOptions(sigma={0: 2.0}, window=(0.0, 1.0)))], clock)
    both = with_text(
        plan_attention(reading_sites(facts.sites, facts.text_sites), [Tar(TarOptions(sigma={0: 2.0}))], clock),
        facts.text_sites,
        "relay",
    )
    bias = torch.tensor([[0.0, -4.0]] * (clock.latents // 2) + [[-4.0, 0.0]] * (clock.latents - clock.latents // 2))
    whole = told(both, bias, text.shape[1], [(0, FRAMES // 2), (FRAMES // 2 + 1, FRAMES - 1)])
    states = text.flatten(0, 1)[None, None]
    for case, read in ((None, by_frame), (plan, by_frame), (whole, states)):
        with contextlib.ExitStack() as open_:
            open_.enter_context(adapter.sampling())
            if case is not None:
                open_.enter_context(nurse(adapter.denoiser, case, adapter.family)).at(0, 2)
            yield adapter.denoise(latents, timestep, read)


def attached(directory: Path, processes: int = 1) -> Iterator[torch.Tensor]:
    """A pipeline of Wan that its host may have shared among processes, attached to: with TAR, and with a synopsis too.

    Args:
        directory: of the model.
        processes: that share it.
    """
    pipe: Any = WanPipeline.from_pretrained(directory)
    if processes > 1:
        # On a machine without a GPU diffusers divides by the number of its GPUs, and works otherwise.
        with mock.patch("torch.accelerator.device_count", return_value=1):
            pipe.transformer.enable_parallelism(config=ContextParallelConfig(ulysses_degree=processes))
    for synopsis in (None, PROMPTS):
        with attach(pipe, [{"use": "tar", "sigma": {0: 2}, "window": [0, 1]}], synopsis):
            drawn = torch.Generator().manual_seed(0)
            made = pipe(
                "", num_frames=FRAMES, height=SIZE, width=SIZE, num_inference_steps=2, generator=drawn, output_type="latent"
            )
            yield made.frames


def take_part(cases: list[tuple[str, str, str]], rank: int, processes: int, port: int) -> None:
    """Compute cases together with others; the first process writes what came out.

    Args:
        cases: the name of a tiny model (or ``attached``), its directory, and the file for what comes out.
        rank: of this process.
        processes: that take part.
        port: at which they meet.
    """
    torch.set_num_threads(1)  # those of the parent are not here
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo")
    for name, directory, out in cases:
        if name == "attached":
            made = list(attached(Path(directory), processes))
        else:
            made = list(predictions(name, Path(directory), ulysses=processes))
        if rank == 0:
            torch.save([one.clone() for one in made], out)  # what is gathered is a tensor of its own kind
    torch.distributed.destroy_process_group()
