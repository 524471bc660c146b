"""Memory over the length of a clip: a network of VideoCrafter2's shape, a fifth as wide, as random weights.

``python -m benchmarks.memory [--frames N ...]``: every run in a process of its own, one step with TAR at levels 0 and 1 and both
branches of guidance, then all frames decoded. Beside the bytes of tensors, counted, stands what the system saw, and what
``vstar plan`` foresees.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peak import peak_bytes

FRAMES = (16, 32, 64, 128, 256)
SIZE = (128, 80)
"""Width and height in pixels: a quarter of 512 x 320."""
UNET: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("CrossAttnDownBlock3D",) * 3 + ("DownBlock3D",),
    "up_block_types": ("UpBlock3D",) + ("CrossAttnUpBlock3D",) * 3,
    "block_out_channels": (64, 128, 256, 256),
    "layers_per_block": 2,
    "cross_attention_dim": 128,
    "attention_head_dim": 16,
    "norm_num_groups": 16,
}
VAE: dict[str, Any] = {
    "block_out_channels": (32, 64, 128, 128),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 16,
}
TEXT: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
}


def measure(frames: int) -> dict[str, float]:
    """Bytes of one step and of decoding, in this process; and what was foreseen."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
    from transformers import CLIPTextConfig

    from vstar_sdk.attention.nursing import nurse
    from vstar_sdk.attention.plan import plan_attention
    from vstar_sdk.clock import Clock
    from vstar_sdk.models.diffusers.decoding import decode_frames
    from vstar_sdk.models.diffusers.measuring import LiveBytes
    from vstar_sdk.models.diffusers.placement import Placement
    from vstar_sdk.models.estimates import Workload
    from vstar_sdk.models.pipeline_options import FramewiseOptions
    from vstar_sdk.models.unet3d.estimate import estimate
    from vstar_sdk.models.unet3d.family import UNET3D
    from vstar_sdk.models.unet3d.frame_text import frame_text
    from vstar_sdk.models.unet3d.sites import unet3d_sites
    from vstar_sdk.regularizers.tar import Tar, TarOptions

    width, height = SIZE
    unet: Any = UNet3DConditionModel(**UNET)
    vae: Any = AutoencoderKL(**VAE)
    placement = Placement((unet, vae), "cpu", "none")
    with tempfile.TemporaryDirectory() as folder:
        for name, config in (("unet", unet.config), ("vae", vae.config), ("text_encoder", CLIPTextConfig(**TEXT).to_dict())):
            (Path(folder) / name).mkdir()
            (Path(folder) / name / "config.json").write_text(json.dumps(dict(config), default=str))
        workload = Workload(frames=frames, width=width, height=height, branches=2, dtype="float32")
        foreseen = estimate(Path(folder), workload, FramewiseOptions())
    plan = plan_attention(unet3d_sites(UNET), [Tar(TarOptions(sigma={0: 1.0, 1: 8.0}))], Clock(frames, 8.0))
    started = peak_bytes()
    with LiveBytes() as step, torch.no_grad(), nurse(unet, plan, UNET3D) as nursing:
        nursing.at(0, 1)
        latents = torch.randn(2, 4, frames, height // 8, width // 8)
        text = torch.randn(2, frames, 77, UNET["cross_attention_dim"])
        with frame_text(unet, text):
            unet(latents, torch.tensor(500), text[:, 0], return_dict=False)
    system = peak_bytes() - started
    with LiveBytes() as decoding:
        for _ in decode_frames(vae, latents[:1], placement):
            pass
    return {
        "step": step.peak,
        "foreseen": foreseen.call_bytes,
        "system": system,
        "decode": decoding.peak,
        "decode foreseen": foreseen.decode_bytes,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=FRAMES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    width, height = SIZE
    print(f"float32, {width}x{height}, both branches of guidance, TAR at levels 0 and 1; MiB beside the weights\n")
    print("| frames | a step | by frame | foreseen | seen by the system | decoding, one frame at a time | foreseen |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for frames in arguments.frames:
        command = [sys.executable, "-m", "benchmarks.memory", "--one", str(frames)]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        found = {name: value / 2**20 for name, value in json.loads(done.stdout).items()}
        step = found["step"]
        cells = [step, step / frames, found["foreseen"], found["system"], found["decode"], found["decode foreseen"]]
        print(f"| {frames} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
