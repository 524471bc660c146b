"""The oak's network, its pipeline, its family and its adapter."""

import hashlib
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import nn

from vstar_oak import BLOCKS, HEAD_DIM, HEADS, RHYTHM, sites
from vstar_sdk import Family, ModelError, NursedProcessor

WIDTH = HEADS * HEAD_DIM


class Rings(nn.Module):
    """An attention over all tokens; what computes it stands in ``kernel``."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.kernel = plain

    def forward(self, x):
        return self.outer(
            self.kernel(*(part.unflatten(-1, (HEADS, HEAD_DIM)).transpose(1, 2) for part in self.inner(x).chunk(3, -1)))
        )


def plain(query, key, value):
    """The oak's own kernel."""
    return nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class NursedRings(NursedProcessor):
    """The same, nursed."""

    def __call__(self, query, key, value):
        return self.attention(query, key, value).transpose(1, 2).flatten(2)


class OakFamily(Family):
    """All that ``attach`` needs to know."""

    latents, text, timestep = "picture", "words", "when"

    def sites(self, config):
        if config.get("kind") != "oak":
            raise ModelError("no oak")
        return sites()

    def processor(self, attn, site):
        if not isinstance(attn, Rings) or attn.kernel is not plain:
            raise ModelError(f"{site.name} is no plain ring")
        return NursedRings(site)

    def installed(self, attn):
        return attn.kernel

    def install(self, attn, processor):
        attn.kernel = processor

    def rhythm(self, pipe):
        return RHYTHM

    def encode(self, pipe, captions):
        return torch.cat([read(caption) for caption in captions])

    @contextmanager
    def branches(self, pipe, denoiser):
        yield lambda call: (False, True) if pipe.guided else (True,) * len(call[self.latents])

    def tell(self, during, denoiser, call, text):
        call.set(words=text)


OAK = OakFamily()


def read(prompt):
    """The embedding of a prompt: ``(1, 4, WIDTH)``."""
    seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4], "big")
    return torch.randn((1, 4, WIDTH), generator=torch.Generator().manual_seed(seed))


class OakTransformer(nn.Module):
    """Latents ``(videos, 4, frames, height, width)``; words ``(videos, tokens, dim)``, or with frames before the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {"kind": "oak"}
        self.root, self.crown = nn.Linear(4, WIDTH), nn.Linear(WIDTH, 4)
        self.trunk = nn.ModuleList(nn.ModuleDict({"ring": Rings(), "leaf": nn.Linear(WIDTH, WIDTH)}) for _ in range(BLOCKS))

    def forward(self, picture, when, words):
        videos, _, frames, height, width = picture.shape
        x = self.root(picture.permute(0, 2, 3, 4, 1)) + when / 1000
        words = words[:, None] if words.ndim == 3 else words
        x = (x + words.mean(2)[:, :, None, None]).reshape(videos, -1, WIDTH)
        for block in self.trunk:
            x = x + block.get_submodule("ring")(x)
            x = x + block.get_submodule("leaf")(x).tanh()
        return self.crown(x).reshape(videos, frames, height, width, 4).permute(0, 4, 1, 2, 3)


class OakPipeline(DiffusionPipeline):
    """The oak's own pipeline."""

    guided = False

    def __init__(self, transformer, scheduler) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, scheduler=scheduler)

    @torch.no_grad()
    def __call__(self, prompt, latents, steps=3, guidance=3.0):
        self.guided = guidance > 1.0
        self.scheduler.set_timesteps(steps)
        words = torch.cat([read(""), read(prompt)]) if self.guided else read(prompt)
        for when in self.scheduler.timesteps:
            told = self.transformer(latents.expand(len(words), -1, -1, -1, -1), when, words=words)
            if self.guided:
                without, told = told.chunk(2)
                told = without + guidance * (told - without)
            latents = self.scheduler.step(told, when, latents).prev_sample
        return latents


class OakAdapter:
    """The loaded model."""

    family = OAK

    def __init__(self, facts, denoiser, device) -> None:
        self.facts, self.denoiser, self.device = facts, denoiser, torch.device(device)
        self.scheduler_config = facts.scheduler_config

    def encode(self, prompts):
        return torch.cat([read(prompt) for prompt in prompts]).to(self.device)

    def cut_off(self, prompt):
        return ""

    def weights(self):
        return {}

    def latent_shape(self, frames, height, width):
        return (1, 4, self.facts.clock(frames, self.facts.fps).latents, height // 4, width // 4)

    @torch.no_grad()
    def denoise(self, latents, timestep, text):
        return self.denoiser(latents, timestep, text)

    def decode(self, latents):
        for latent, span in zip(latents[0].permute(1, 2, 3, 0), RHYTHM.spans(RHYTHM.frames_of(latents.shape[2])), strict=True):
            picture = latent[..., :3].repeat_interleave(4, 0).repeat_interleave(4, 1)
            for _ in range(span):
                yield picture.clamp(-1, 1).add(1).mul(127.5).to("cpu", torch.uint8).numpy()


def load(facts, options, device, dtype):
    """A random oak."""
    torch.manual_seed(options.seed)
    network = OakTransformer().requires_grad_(False).to(device, getattr(torch, dtype))
    return OakAdapter(facts, network, device)


def pipeline(seed=0):
    """The oak's pipeline."""
    adapter = load(SimpleNamespace(scheduler_config={}), SimpleNamespace(seed=seed), "cpu", "float32")
    return OakPipeline(adapter.denoiser, DDIMScheduler(clip_sample=False))
