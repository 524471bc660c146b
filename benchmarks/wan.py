"""One step of Wan 2.1 1.3B, the real network with random weights, with and without TAR: time and peak memory.

``python -m benchmarks.wan [--device cuda] [--dtype bfloat16] [--frames 81] [--size 832 480] [--layers 30] [--heads 12]
[--rounds N]``: a GPU's measurement. On a CPU the real size takes hours; a few layers and frames show that it runs.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

from benchmarks.timing import medians
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import fused_sites
from vstar_sdk.clock import Clock
from vstar_sdk.models.wan.experts import latent_frame_text
from vstar_sdk.models.wan.family import WAN
from vstar_sdk.models.wan.sites import wan_sites
from vstar_sdk.regularizers.tar import Tar, TarOptions

CONFIG: dict[str, Any] = {
    "num_attention_heads": 12,
    "attention_head_dim": 128,
    "in_channels": 16,
    "out_channels": 16,
    "ffn_dim": 8960,
    "text_dim": 4096,
    "freq_dim": 256,
    "patch_size": (1, 2, 2),
}


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--size", type=int, nargs=2, default=(832, 480))
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--heads", type=int, default=CONFIG["num_attention_heads"])
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    config = {**CONFIG, "num_layers": arguments.layers, "num_attention_heads": arguments.heads}
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    with device:
        network = WanTransformer3DModel(**config).eval()
    torch.set_default_dtype(torch.float32)
    frames, (width, height) = (arguments.frames - 1) // 4 + 1, arguments.size
    latents = torch.randn(1, 16, frames, height // 8, width // 8, device=device, dtype=dtype)
    text = torch.randn(frames, 512, 4096, device=device, dtype=dtype)
    timestep = torch.tensor([900], device=device)

    def step() -> None:
        with latent_frame_text(network, frames):
            network(latents, timestep, text, return_dict=False)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def nursed(options: TarOptions, *, fused: bool = False) -> None:
        sites = fused_sites(wan_sites(config)) if fused else wan_sites(config)
        plan = plan_attention(sites, [Tar(options)], Clock(frames, 4.0))
        with nurse(network, plan, WAN) as nursing:
            nursing.at(0, 1)
            step()

    spread, largest = TarOptions(window=(0.0, 1.0)).for_joint(), TarOptions(window=(0.0, 1.0))
    called = {"without TAR": step, "TAR, `spread`": lambda: nursed(spread), "TAR, `max`": lambda: nursed(largest)}
    if device.type == "cuda":
        called |= {
            "TAR, `spread`, fused": lambda: nursed(spread, fused=True),
            "TAR, `max`, fused": lambda: nursed(largest, fused=True),
        }
    peaks: dict[str, str] = {}
    for name, call in called.items():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        call()
        peaks[name] = f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB" if device.type == "cuda" else "not measured"
    seconds = medians(called, arguments.rounds)
    where = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{where}, {arguments.dtype}, {arguments.layers} layers, {arguments.frames} frames of {width}x{height}, one branch;")
    print(f"median of {arguments.rounds - 1} steps\n")
    print("| step | time | of the plain step | peak memory |")
    print("|---|---:|---:|---:|")
    for name, taken in seconds.items():
        print(f"| {name} | {taken * 1e3:.0f} ms | {taken / seconds['without TAR']:.2f} | {peaks[name]} |")


if __name__ == "__main__":
    main()
