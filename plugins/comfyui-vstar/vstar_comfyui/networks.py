"""The networks of ComfyUI that can be nursed: where their attentions over frames are, and which tokens are video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from vstar_sdk import ModelError, Rhythm, SamplerError, SiteAddress, sites_of

from . import unet
from .calls import Call


class Tokens(NamedTuple):
    """The video in the sequence of a call.

    Attributes:
        frames: latent frames.
        height: of a frame, in tokens.
        width: of a frame, in tokens.
        first: whether the video stands first; else it stands behind all other tokens.
        apart: whether each position is a sequence of its own, whose tokens are the frames; then the frames of a video are rows of
            the network's batch.
    """

    frames: int
    height: int
    width: int
    first: bool = True
    apart: bool = False

    @property
    def length(self) -> int:
        """Tokens of the video in a sequence."""
        return self.frames if self.apart else self.frames * self.height * self.width


@dataclass(frozen=True)
class Network:
    """What is known of a class of networks.

    Attributes:
        sites: its attentions over frames, by the names of the modules that make one each.
        texts: its cross-attentions to the text, in the same order; none where a frame has no text of its own.
        rhythm: how its latent frames stand for frames.
        tokens: reads a call.
        untold: why there are no ``texts``.
        relays: whether its frames can read the text of all states, told apart: it masks no text.
    """

    sites: tuple[SiteAddress, ...]
    texts: tuple[str, ...]
    rhythm: Rhythm
    tokens: Callable[[Call], Tokens]
    untold: str = "share one text"
    relays: bool = False


def network_of(model: Any) -> Network:
    """What is known of the network that a MODEL of ComfyUI holds.

    Args:
        model: the network itself, ``model.model.diffusion_model``.

    Raises:
        ModelError: it is none that can be nursed.
    """
    name = type(model).__name__
    if name not in KNOWN:
        raise ModelError(
            f"VSTAR cannot nurse a {name}", hint=f"it knows {', '.join(KNOWN)}: load a video model of one of these classes"
        )
    return KNOWN[name](model)


def _patches(call: Call, patch: tuple[int, ...]) -> tuple[int, int, int]:
    frames, height, width = call.get("x").shape[2:]
    return int(frames), -(-int(height) // patch[1]), -(-int(width) // patch[2])


def _wan(model: Any) -> Network:
    config = {
        "num_layers": model.num_layers,
        "num_attention_heads": model.num_heads,
        "attention_head_dim": model.dim // model.num_heads,
        "patch_size": model.patch_size,
    }

    def tokens(call: Call) -> Tokens:
        _refuse(call, "time_dim_concat", "frames appended to the latents")
        return Tokens(*_patches(call, tuple(model.patch_size)), first=call.get("reference_latent") is None)

    sites = sites_of("WanTransformer3DModel", config)
    named = tuple(replace(site, name=f"blocks.{site.index}.self_attn") for site in sites)
    texts = tuple(f"blocks.{site.index}.cross_attn" for site in sites) if model.img_emb is None else ()
    return Network(named, texts, Rhythm.causal(4), tokens, relays=True)


def _ltx(model: Any) -> Network:
    first = model.transformer_blocks[0].attn1
    config = {
        "num_layers": len(model.transformer_blocks),
        "num_attention_heads": first.heads,
        "attention_head_dim": first.dim_head,
    }

    def tokens(call: Call) -> Tokens:
        frames, height, width = (int(size) for size in call.get("x").shape[2:])
        guides = call.get("keyframe_idxs")
        if guides is not None:  # frames that stand behind the video
            frames -= guides.shape[2] // (height * width)
        return Tokens(frames, height, width)

    sites = sites_of("LTXVideoTransformer3DModel", config)
    texts = tuple(f"transformer_blocks.{site.index}.attn2" for site in sites)
    return Network(sites, texts, Rhythm.causal(8), tokens)


def _hunyuan(model: Any) -> Network:
    if len(model.patch_size) != 3:
        raise ModelError("VSTAR cannot nurse a HunyuanVideo network that makes single pictures", hint="load the video model")
    doubles, singles = len(model.double_blocks), len(model.single_blocks)
    config = {
        "num_layers": doubles + singles,
        "num_attention_heads": model.num_heads,
        "attention_head_dim": model.hidden_size // model.num_heads,
        "patch_size_t": model.patch_size[0],
        "rope_axes_dim": tuple(model.params.axes_dim),
        "rope_theta": model.params.theta,
    }

    def tokens(call: Call) -> Tokens:
        _refuse(call, "ref_latent", "a reference picture in the sequence")
        return Tokens(*_patches(call, tuple(model.patch_size)))

    names = [f"double_blocks.{n}" for n in range(doubles)] + [f"single_blocks.{n}" for n in range(singles)]
    sites = sites_of("HunyuanVideo15Transformer3DModel", config)
    named = tuple(replace(site, name=name) for site, name in zip(sites, names, strict=True))
    return Network(named, (), Rhythm.causal(4), tokens)


def _video_unet(model: Any) -> Network:
    def tokens(call: Call) -> Tokens:
        _, _, height, width = call.get("x").shape
        frames = call.get("num_video_frames", model.default_num_video_frames)
        return Tokens(int(frames), int(height), int(width), apart=True)

    return Network(unet.sites(model), (), Rhythm(), tokens, untold="read a picture, and no text")


def _refuse(call: Call, argument: str, what: str) -> None:
    if call.get(argument) is not None:
        raise SamplerError(f"VSTAR cannot nurse a call with {what} ({argument})", hint="leave it out of the conditioning")


KNOWN: dict[str, Callable[[Any], Network]] = {
    "WanModel": _wan,
    "LTXVModel": _ltx,
    "HunyuanVideo": _hunyuan,
    "UNetModel": _video_unet,
}
"""By the class of the network."""
