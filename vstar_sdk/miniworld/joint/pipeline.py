"""The joint sibling as a diffusers pipeline, for ``attach`` and for scripts of diffusers' own kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from vstar_sdk.miniworld.joint.adapter import check_base
from vstar_sdk.miniworld.joint.network import MiniworldTransformer3DModel
from vstar_sdk.models.diffusers.framewise_family import clip_embeddings
from vstar_sdk.weights.components import load_component


class MiniworldDitPipeline(DiffusionPipeline):
    """Text to video with one text for all frames; made by `pipeline`.

    Args:
        vae: of miniworld.
        text_encoder: likewise.
        tokenizer: likewise.
        transformer: the denoiser.
        scheduler: of a flow.
    """

    model_cpu_offload_seq = "text_encoder->transformer->vae"

    def __init__(self, vae: Any, text_encoder: Any, tokenizer: Any, transformer: Any, scheduler: Any) -> None:
        super().__init__()
        pipe: Any = self
        pipe.register_modules(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, transformer=transformer, scheduler=scheduler
        )

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        negative_prompt: str = "",
        num_frames: int = 16,
        height: int = 64,
        width: int = 64,
        num_inference_steps: int = 25,
        guidance_scale: float = 3.5,
        generator: torch.Generator | None = None,
        output_type: str = "pt",
    ) -> Tensor:
        """Make one clip.

        Args:
            prompt: what it shows.
            negative_prompt: what it does not show.
            num_frames: latent frames, which are the clip's.
            height: in pixels, a multiple of 16.
            width: likewise.
            num_inference_steps: of the schedule.
            guidance_scale: of classifier-free guidance; 1 is none.
            generator: of the noise.
            output_type: ``pt`` or ``latent``.

        Returns:
            Frames ``(num_frames, 3, height, width)`` in [0, 1], or latents ``(1, channels, num_frames, height / 8, width / 8)``.
        """
        pipe: Any = self
        network, device = pipe.transformer, pipe._execution_device
        branches = {"cond": clip_embeddings(self, [prompt])}
        if guidance_scale != 1:
            branches["uncond"] = clip_embeddings(self, [negative_prompt])
        shape = (1, pipe.vae.config.latent_channels, num_frames, height // 8, width // 8)
        drawn = torch.randn(shape, generator=generator, device=device if generator is None else generator.device)
        latents = drawn.to(device, network.dtype)
        pipe.scheduler.set_timesteps(num_inference_steps, device=device)
        for t in pipe.progress_bar(pipe.scheduler.timesteps):
            said: dict[str, Tensor] = {}
            for branch, text in branches.items():
                with network.cache_context(branch):
                    said[branch] = network(
                        hidden_states=latents, timestep=t.expand(1), encoder_hidden_states=text, return_dict=False
                    )[0]
            velocity = said["cond"]
            if "uncond" in said:
                velocity = said["uncond"] + guidance_scale * (velocity - said["uncond"])
            latents = pipe.scheduler.step(velocity, t, latents, return_dict=False)[0]
        if output_type == "latent":
            return latents
        frames = torch.cat([pipe.vae.decode(frame, return_dict=False)[0] for frame in torch.split(latents[0].transpose(0, 1), 8)])
        return frames.div(2).add(0.5).clamp(0, 1)


def pipeline(directory: Path, base: Path) -> MiniworldDitPipeline:
    """The pipeline in float32, on the CPU, of the networks of diffusers and transformers.

    Args:
        directory: with ``transformer`` and ``scheduler``.
        base: of miniworld.

    Raises:
        ModelError: a file is missing or damaged, or miniworld is not the one that it was trained with.
    """
    check_base(directory, base)
    return MiniworldDitPipeline(
        vae=load_component(AutoencoderKL, base, "vae", torch.float32),
        text_encoder=load_component(CLIPTextModel, base, "text_encoder", torch.float32),
        tokenizer=load_component(CLIPTokenizer, base, "tokenizer"),
        transformer=load_component(MiniworldTransformer3DModel, directory, "transformer", torch.float32),
        scheduler=load_component(FlowMatchEulerDiscreteScheduler, directory, "scheduler"),
    )
