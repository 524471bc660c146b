"""A whole denoising step of a VideoCrafter2-shaped network, with and without TAR, in turn in one process.

Channels, head channels, text width and the sides of the picture are a quarter of VideoCrafter2's; the depth is its own.

``python -m benchmarks.step [--threads N] [--rounds N] [--frames F]``, or with the real network: ``--scale 1 --device cuda
--dtype bfloat16``
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel

from benchmarks.timing import medians
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import fused_sites
from vstar_sdk.clock import Clock
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.models.unet3d.sites import unet3d_sites
from vstar_sdk.regularizers.tar import Tar, TarOptions

SIGMAS: dict[str, Any] = {
    "TAR at level 0": {0: 1},
    "TAR at levels 0 and 1": {0: 1, 1: 8},
}


def network(scale: int, device: str, dtype: torch.dtype) -> UNet3DConditionModel:
    """A random network of VideoCrafter2's shape, its channels divided by ``scale``."""
    torch.manual_seed(0)
    with torch.device(device):
        unet = UNet3DConditionModel(
            sample_size=None,
            block_out_channels=tuple(width // scale for width in (320, 640, 1280, 1280)),
            layers_per_block=2,
            norm_num_groups=32 // scale,
            cross_attention_dim=1024 // scale,
            attention_head_dim=64 // scale,
        )
    for parameter in unet.parameters():
        parameter.data = parameter.data.to(dtype)
    return unet.eval().requires_grad_(False)


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype, frames = getattr(torch, arguments.dtype), arguments.frames
    unet = network(arguments.scale, arguments.device, dtype)
    latents = torch.randn(2, 4, frames, 40 // arguments.scale, 64 // arguments.scale, dtype=dtype, device=arguments.device)
    text = torch.randn(2, 77, 1024 // arguments.scale, dtype=dtype, device=arguments.device)
    timestep = torch.tensor(481, device=arguments.device)

    def step() -> None:
        unet(latents, timestep, encoder_hidden_states=text)
        if arguments.device != "cpu":
            torch.cuda.synchronize()

    def nursed(sigma: Any, *, fused: bool = False) -> Any:
        sites = fused_sites(unet3d_sites(unet.config)) if fused else unet3d_sites(unet.config)
        plan = plan_attention(sites, [Tar(TarOptions(sigma=sigma))], Clock(frames, 8.0))

        def call() -> None:
            with nurse(unet, plan, UNET3D) as nursing:
                nursing.at(0, 25)
                step()

        return call

    variants = {"without": step, **{name: nursed(sigma) for name, sigma in SIGMAS.items()}}
    if arguments.device != "cpu":
        variants |= {f"{name}, fused": nursed(sigma, fused=True) for name, sigma in SIGMAS.items()}
    found = medians(variants, arguments.rounds)
    where = f"{arguments.threads} thread(s)" if arguments.device == "cpu" else torch.cuda.get_device_name()
    print(
        f"{frames} frames of {tuple(latents.shape[-2:])} latents, both branches of guidance, {arguments.dtype}, {where}; ", end=""
    )
    print(f"medians of {arguments.rounds - 1} steps\n\n| step | seconds | relative |\n|---|---:|---:|")
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.3f} | {seconds / found['without']:.3f} |")


if __name__ == "__main__":
    main()
