"""The temporal attention of a finished clip: how near the diagonal it is, and how spread out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk import Result, load_spec
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.runs.plan import make_plan

MOMENT = 0.4
"""Of the schedule: inside of TAR's window."""


@torch.inference_mode()
def map_numbers(result: Result, spec: dict[str, Any]) -> dict[str, float]:
    """Numbers of all temporal attentions but the first transformer's, at one step, the clip noised again for it.

    Returns:
        ``near``, the mass within two frames as a multiple of a uniform map's; ``entropy``, as a share of a uniform map's.
    """
    adapter, plan = result.adapter, make_plan(load_spec(spec))
    steps = plan.settings.steps
    scheduler: Any = plan.engine.scheduler.make(adapter.scheduler_config)
    scheduler.set_timesteps(steps)
    step = round(MOMENT * steps)
    noise = torch.randn(result.latents.shape, generator=torch.Generator().manual_seed(0))
    moment = scheduler.timesteps[step]
    weights = torch.tensor(result.timeline.weights, dtype=torch.float32)
    text = torch.einsum("fs,std->ftd", weights, adapter.encode(result.synopsis.prompts()))
    frames = len(weights)
    near, entropy = [], []
    with ExitStack() as stack:
        nursing = stack.enter_context(nurse(adapter.denoiser, plan.attention, adapter.family))
        nursing.at(step, steps)
        seen: dict[str, dict[str, Tensor]] = {}
        names = [site.name for site in adapter.facts.sites if site.block != "init"]
        for name in names:
            for side in ("to_q", "to_k"):
                keep = seen.setdefault(name, {})
                hook = adapter.denoiser.get_submodule(f"{name}.{side}").register_forward_hook(
                    lambda _module, _inputs, output, keep=keep, side=side: keep.__setitem__(side, output)
                )
                stack.callback(hook.remove)
        adapter.denoise(scheduler.add_noise(result.latents, noise, moment[None]), moment, text[None])
        for name in names:
            attn: Any = adapter.denoiser.get_submodule(name)
            q, k = (seen[name][side].unflatten(-1, (attn.heads, -1)).transpose(1, 2) for side in ("to_q", "to_k"))
            attend = attn.processor.attend if isinstance(attn.processor, NursedProcessor) else scaled_dot_product_attention
            unit = torch.eye(frames).expand(*q.shape[:2], -1, -1)
            probabilities = attend(q, k, unit)
            band = (torch.arange(frames)[:, None] - torch.arange(frames)).abs() <= 2
            near.append(float((probabilities * band).sum(-1).mean() / (band.float().sum(-1) / frames).mean()))
            p = probabilities.clamp_min(1e-12)
            entropy.append(float(-(p * p.log()).sum(-1).mean() / torch.tensor(float(frames)).log()))
    return {"near": sum(near) / len(near), "entropy": sum(entropy) / len(entropy)}
