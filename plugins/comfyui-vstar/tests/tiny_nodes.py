# ruff: noqa: N802
"""Nodes for the tests that run inside a real ComfyUI: tiny random models and text, and the formula to compare with.

`test_comfyui.py` copies this file into the ``custom_nodes`` of a folder of its own. No other test imports it.
"""

from __future__ import annotations

import comfy.model_patcher  # pyright: ignore[reportMissingImports]
import comfy.supported_models as supported  # pyright: ignore[reportMissingImports]
import torch

CPU = torch.device("cpu")
WIDTH = 24
WAN = {
    "image_model": "wan2.1",
    "model_type": "t2v",
    "dim": 48,
    "num_heads": 4,
    "num_layers": 2,
    "freq_dim": 32,
    "ffn_dim": 64,
    "text_dim": WIDTH,
}
LTX = {
    "image_model": "ltxv",
    "num_layers": 2,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "cross_attention_dim": 32,
    "caption_channels": WIDTH,
}
HUNYUAN = {
    "image_model": "hunyuan_video",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 16,
    "context_in_dim": WIDTH,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 2,
    "axes_dim": [4, 6, 6],
    "theta": 256,
    "patch_size": [1, 2, 2],
    "qkv_bias": True,
    "guidance_embed": True,
    "byt5": False,
    "meanflow": False,
}
FLUX = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 16,
    "context_in_dim": WIDTH,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [4, 6, 6],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": False,
}
SVD = {
    "image_size": 32,
    "use_spatial_transformer": True,
    "legacy": False,
    "num_classes": "sequential",
    "adm_in_channels": 768,
    "in_channels": 8,
    "out_channels": 4,
    "model_channels": 64,  # 64 channels a head
    "channel_mult": [1, 2],
    "num_res_blocks": [1, 1],
    "transformer_depth": [1, 1],
    "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1],
    "use_linear_in_transformer": True,
    "context_dim": WIDTH,
    "extra_ff_mix_layer": True,
    "use_spatial_context": True,
    "merge_strategy": "learned_with_images",
    "merge_factor": 0.0,
    "video_kernel_size": [3, 1, 1],
    "use_temporal_resblock": True,
    "use_temporal_attention": True,
    "disable_temporal_crossattention": False,
}
MODELS = {
    "svd": (supported.SVD_img2vid, SVD),
    "wan": (supported.WAN21_T2V, WAN),
    "ltx": (supported.LTXV, LTX),
    "hunyuan": (supported.HunyuanVideo, HUNYUAN),
    "flux": (supported.FluxSchnell, FLUX),
}


class Clip:
    """Reads a caption as random numbers of its own."""

    def __init__(self, masked):
        self.masked = masked

    def tokenize(self, text, **more):
        return text

    def encode_from_tokens_scheduled(self, tokens, **more):
        generator = torch.Generator().manual_seed(sum(map(ord, tokens)))
        text = torch.randn(1, 12, WIDTH, generator=generator)
        seen = {"attention_mask": (torch.arange(12) < 8)[None].long()} if self.masked else {}
        return [[text, {"pooled_output": torch.randn(1, 16, generator=generator)} | seen]]


class Tiny:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"kind": (list(MODELS),)}}

    RETURN_TYPES = ("MODEL", "CLIP")
    FUNCTION = "make"
    CATEGORY = "tests"

    def make(self, kind):
        made, config = MODELS[kind]
        described = made(dict(config))
        described.unet_config["dtype"] = torch.float32
        model = described.get_model({}, "")
        generator = torch.Generator().manual_seed(5)
        for weight in model.diffusion_model.parameters():
            torch.nn.init.normal_(weight, std=0.15, generator=generator)
        for name, weight in model.diffusion_model.named_parameters():
            if "norm" in name:  # of queries and keys, so that attention has something to choose
                weight.data.fill_(2.0)
        return comfy.model_patcher.ModelPatcher(model, CPU, CPU), Clip(kind == "ltx")


class Paper:
    """TAR as in the paper on attention over frames, with every logit made in float64, in the place of ComfyUI's attention."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "frames": ("INT",), "sigma": ("INT",)}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "put"
    CATEGORY = "tests"

    def put(self, model, frames, sigma):
        frame = torch.arange(frames).double()
        band = torch.exp(-((frame[:, None] - frame) ** 2) / (2 * sigma**2))

        def attend(func, q, k, v, heads, *args, **more):
            if q.shape != k.shape or q.shape[1] != frames:
                return func(q, k, v, heads, *args, **more)
            q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
            logits = q.double() @ k.double().transpose(-1, -2) * q.shape[-1] ** -0.5
            logits = logits + logits.amax(-1, keepdim=True) * band
            return (logits.softmax(-1) @ v.double()).to(v.dtype).transpose(1, 2).flatten(2)

        made = model.clone()
        made.model_options.setdefault("transformer_options", {})["optimized_attention_override"] = attend
        return (made,)


class Formula:
    """TAR on joint attention with every logit made in float64, in the place of ComfyUI's attention."""

    @classmethod
    def INPUT_TYPES(cls):
        sizes = dict.fromkeys(("frames", "positions", "rhythm", "sigma"), ("INT",))
        return {"required": {"model": ("MODEL",), **sizes}}

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "put"
    CATEGORY = "tests"

    def put(self, model, frames, positions, rhythm, sigma):
        # The middle of what each latent frame stands for: the first is one frame, the others are as many as the rhythm.
        middle = torch.tensor([0.0, *(1 + rhythm * (n + 0.5) - 0.5 for n in range(frames - 1))]).double() / rhythm
        band = 0.5 * torch.exp(-((middle[:, None] - middle) ** 2) / (2 * sigma**2))
        band = band.repeat_interleave(positions, 0).repeat_interleave(positions, 1)
        video = frames * positions

        def attend(func, q, k, v, heads, *args, skip_reshape=False, **more):
            length = q.shape[2] if skip_reshape else q.shape[1]
            if q.shape != k.shape or length < video:
                return func(q, k, v, heads, *args, skip_reshape=skip_reshape, **more)
            if not skip_reshape:
                q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
            logits = q.double() @ k.double().transpose(-1, -2) * q.shape[-1] ** -0.5
            inside = logits[:, :, :video, :video]
            spread = inside.amax(-1, keepdim=True) - inside.mean(-1, keepdim=True)
            logits[:, :, :video, :video] = inside + spread * band
            return (logits.softmax(-1) @ v.double()).to(v.dtype).transpose(1, 2).flatten(2)

        made = model.clone()
        made.model_options.setdefault("transformer_options", {})["optimized_attention_override"] = attend
        return (made,)


NODE_CLASS_MAPPINGS = {"TestTiny": Tiny, "TestFormula": Formula, "TestPaper": Paper}
