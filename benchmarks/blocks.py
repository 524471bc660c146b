"""One transformer block of large models at their own number of tokens, with random weights, with and without TAR.

``python -m benchmarks.blocks [--heads N] [--device cuda --dtype bfloat16] [--rounds N] [--families NAME ...] [--no-own]``: a
network of one block, from the configuration of the released model; ``--heads`` makes it narrower, so that a CPU can do it. The
peak is that of the tensors that PyTorch makes in a call, beside weights and inputs; on a GPU the device's own count.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15Transformer3DModel
from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import nn

from benchmarks.timing import medians
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site, fused_sites
from vstar_sdk.clock import Clock
from vstar_sdk.models.diffusers.configured import network_from
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.family import Family
from vstar_sdk.models.hunyuan15.family import HUNYUAN15
from vstar_sdk.models.hunyuan15.inputs import call as call_hunyuan
from vstar_sdk.models.hunyuan15.text import Lengths, Text
from vstar_sdk.models.ltx2.family import LTX2
from vstar_sdk.models.ltx2.network import see
from vstar_sdk.models.wan.family import WAN
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.weights.outlines import FOLDER

WHOLE = (0.0, 1.0)
TAR_OF_JOINT = {
    "TAR, `spread`": TarOptions(window=WHOLE).for_joint(),
    "TAR, `max`": TarOptions(window=WHOLE),
}


@dataclass(frozen=True)
class Block:
    """A network of one block, and a call of it.

    Attributes:
        network: with random weights.
        family: of the network.
        frames: latent frames.
        tokens: of the video.
        call: computes.
    """

    network: Any
    family: Family
    frames: int
    tokens: int
    call: Callable[[], object]

    def nursed(self, options: TarOptions | None, *, fused: bool = False) -> Callable[[], object]:
        """The call with TAR at its site; None for our processor with nothing to do."""
        sites = self.family.sites(self.network.config)
        clock = Clock(self.frames, 4.0)
        sites = fused_sites(sites) if fused else sites
        plan = plan_attention(sites, [] if options is None else [Tar(options)], clock)
        every = [Site.at(site, clock) for site in sites]

        def run() -> object:
            with ExitStack() as open_:
                recording = Recording(every, (1,)) if options is None else None
                open_.enter_context(nurse(self.network, plan, self.family, recording=recording)).at(0, 1)
                return self.call()

        return run


def wan(heads: int, device: torch.device, dtype: torch.dtype, *, tiny: bool = False) -> Block:
    """Wan 2.1 1.3B: 81 frames of 832x480, 32,760 tokens."""
    config = _config("Wan2.1-T2V-1.3B-Diffusers") | {"num_layers": 1, "num_attention_heads": heads, "ffn_dim": heads * 8960 // 12}
    network = _made(WanTransformer3DModel, config, device, dtype)
    size = (3, 4, 6) if tiny else (21, 60, 104)
    latents = torch.randn(1, 16, *size, device=device, dtype=dtype)
    text = torch.randn(1, 512, 4096, device=device, dtype=dtype)
    moment = torch.tensor([900], device=device)
    return Block(network, WAN, size[0], math.prod(size) // 4, lambda: network(latents, moment, text, return_dict=False))


def ltx2(heads: int, device: torch.device, dtype: torch.dtype, *, tiny: bool = False) -> Block:
    """LTX-2: 121 frames of 768x512, 6,144 tokens."""
    width = {"cross_attention_dim": heads * 128, "audio_num_attention_heads": heads, "audio_cross_attention_dim": heads * 64}
    config = _config("LTX-2") | {"num_layers": 1, "num_attention_heads": heads} | width
    network = _made(LTX2VideoTransformer3DModel, config, device, dtype)
    grid = (3, 2, 3) if tiny else (16, 16, 24)
    tokens = torch.randn(1, math.prod(grid), 128, device=device, dtype=dtype)
    read = network.config["caption_channels"] if network.config["use_prompt_embeddings"] else width["cross_attention_dim"]
    text = torch.randn(1, 1, 1024, read, device=device, dtype=dtype)
    moment, bias = torch.tensor([900.0], device=device, dtype=dtype), torch.zeros(1, 1, 1024, device=device)

    def call() -> object:
        return see(network, tokens, moment, text, bias, grid, 24.0, sigma=moment)

    return Block(network, LTX2, grid[0], math.prod(grid), call)


def hunyuan15(heads: int, device: torch.device, dtype: torch.dtype, *, tiny: bool = False) -> Block:
    """HunyuanVideo 1.5: 121 frames of 848x480, 49,290 tokens, and 1,985 of text."""
    config = _config("HunyuanVideo-1.5-Diffusers-480p_t2v") | {
        "num_layers": 1,
        "num_attention_heads": heads,
        "num_refiner_layers": 1,
    }
    network = _made(HunyuanVideo15Transformer3DModel, config, device, dtype)
    size = (3, 4, 6) if tiny else (31, 30, 53)
    latents = torch.randn(1, config["out_channels"], *size, device=device, dtype=dtype)
    lengths, moment = Lengths(), torch.tensor([900.0], device=device, dtype=dtype)
    prompt = torch.randn(1, lengths.prompt, network.config["text_embed_dim"], device=device, dtype=dtype)
    glyphs = torch.randn(1, lengths.glyphs, network.config["text_embed_2_dim"], device=device, dtype=dtype)
    seen, unseen = (
        torch.zeros(1, lengths.prompt, device=device, dtype=dtype),
        torch.zeros(1, lengths.glyphs, device=device, dtype=dtype),
    )
    seen[:, :200] = 1.0
    text = Text(prompt, seen, glyphs, unseen)
    return Block(
        network, HUNYUAN15, size[0], math.prod(size), lambda: call_hunyuan(network, latents, moment, text, lengths.picture)
    )


FAMILIES: dict[str, tuple[Callable[..., Block], int]] = {
    "Wan 2.1 1.3B": (wan, 12),
    "LTX-2": (ltx2, 32),
    "HunyuanVideo 1.5": (hunyuan15, 16),
}
"""What makes each, and its heads."""


def peak(call: Callable[[], object], device: torch.device) -> int:
    """The bytes at once that a call takes beside what is there."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with LiveBytes() as bytes_:
        call()
    return bytes_.peak


def _config(name: str) -> dict[str, Any]:
    """The configuration of a released network, as the package keeps it."""
    return json.loads((FOLDER / f"{name}.json").read_text())["files"]["transformer/config.json"]


def _made(kind: type[Any], config: dict[str, Any], device: torch.device, dtype: torch.dtype) -> Any:
    """A random network, made where it computes."""
    torch.manual_seed(0)
    with device:
        network = network_from(kind, config)
    nn.Module.to(network, dtype)  # whatever diffusers says of modules that loading keeps in float32
    return network.eval().requires_grad_(False)


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, help="fewer heads; on a CPU 1 is enough to see the memory")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=2, help="1: memory alone")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--no-own", action="store_true", help="without diffusers' own, which may mask tokens by tokens")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    device, dtype = torch.device(arguments.device), getattr(torch, arguments.dtype)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} thread(s)"
    calls = f"; time: median of {arguments.rounds - 1} call(s)" if arguments.rounds > 1 else ""
    print(f"One block, {arguments.dtype}, {where}{calls}\n")
    print("| block of | heads | tokens | attention | time | of plain | peak | of plain |")
    print("|---|---:|---:|---|---:|---:|---:|---:|", flush=True)
    for name in arguments.families:
        make, heads = FAMILIES[name]
        heads = arguments.heads or heads
        block = make(heads, device, dtype, tiny=arguments.tiny)
        called: dict[str, Callable[[], object]] = {} if arguments.no_own else {"diffusers' own": block.call}
        called["plain"] = block.nursed(None)
        called |= {tar: block.nursed(options) for tar, options in TAR_OF_JOINT.items()}
        if device.type == "cuda":
            called |= {f"{tar}, fused": block.nursed(options, fused=True) for tar, options in TAR_OF_JOINT.items()}

        def waited(call: Callable[[], object]) -> Callable[[], object]:
            def run() -> None:
                call()
                if device.type == "cuda":
                    torch.cuda.synchronize()

            return run

        timed = {way: waited(call) for way, call in called.items()} if arguments.rounds > 1 else {}
        seconds = medians(timed, arguments.rounds)
        peaks = {way: peak(call, device) for way, call in called.items()}
        for way in called:
            cells = [f"{seconds[way] * 1e3:.0f} ms", f"{seconds[way] / seconds['plain']:.2f}"] if timed else ["", ""]
            cells += [f"{peaks[way] / 2**20:.0f} MiB", f"{peaks[way] / peaks['plain']:.2f}"]
            print(f"| {name} | {heads} | {block.tokens:,} | {way} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
