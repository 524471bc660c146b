"""Telling VideoCrafter2 from its relatives by what their checkpoints hold. No torch."""

from __future__ import annotations

from vstar_sdk.errors import ModelError
from vstar_sdk.models.videocrafter2.lvdm.architecture import Shapes

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.model."
"""Where the three networks stand in a checkpoint."""

SCALE = "scale_arr"
"""The signal scale of every timestep, as the checkpoint keeps it next to the other constants of its noise schedule."""

SCHEDULE = frozenset(
    (
        SCALE,
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "lvlb_weights",
        "logvar",
        "scale_factor",
    )
)
"""Constants of the noise schedule that a checkpoint may hold; they are not converted."""

UNUSED_TEXT = frozenset(("text_projection", "logit_scale", "attn_mask"))
"""What an OpenCLIP text tower may hold besides the weights that make token embeddings."""

_PICTURE_INSIDE, _PICTURE_BESIDE = (".to_k_ip.", ".to_v_ip."), ("image_proj_model.", "embedder.")
_ANOTHER = "only VideoCrafter2's text-to-video checkpoint (model.ckpt of VideoCrafter/VideoCrafter2) is supported"


def refuse_relatives(shapes: Shapes, *, without_scale: bool = False) -> None:
    """Refuse VideoCrafter1, the 1024-wide model and image-to-video models, by name.

    Args:
        shapes: of the whole checkpoint.
        without_scale: take a checkpoint whose noise schedule has no signal scale for VideoCrafter2 all the same.

    Raises:
        ModelError: it is one of them, or no checkpoint of the family.
    """
    unet = {key.removeprefix(UNET): shape for key, shape in shapes.items() if key.startswith(UNET)}
    if not unet:
        raise ModelError(f"it is not a VideoCrafter checkpoint: none of its keys begins with {UNET}", hint=_ANOTHER)
    if picture := next(
        (key for key in shapes if key.startswith(_PICTURE_BESIDE) or any(m in key for m in _PICTURE_INSIDE)), None
    ):
        raise ModelError(f"it is an image-to-video VideoCrafter checkpoint: its key {picture} reads a picture", hint=_ANOTHER)
    channels = unet.get("input_blocks.0.0.weight", ())[1:2]
    if channels and channels != (4,):
        raise ModelError(
            f"it is an image-to-video VideoCrafter checkpoint: its network takes {channels[0]} channels; VideoCrafter2's takes 4",
            hint=_ANOTHER,
        )
    if position := next((key for key in unet if ".relative_position_" in key), None):
        raise ModelError(
            f"it is the 1024-wide VideoCrafter1: its temporal attention has relative positions ({position})", hint=_ANOTHER
        )
    if not any(".temopral_conv." in key for key in unet):
        raise ModelError("it is VideoCrafter1 (the 1024-wide model, say): it has no temporal convolutions", hint=_ANOTHER)
    if not any(key.startswith("fps_embedding.") for key in unet):
        raise ModelError("it is VideoCrafter1: it is not conditioned on frames a second (it has no fps_embedding)", hint=_ANOTHER)
    if "betas" in shapes and SCALE not in shapes and not without_scale:
        raise ModelError(
            f"it is VideoCrafter1: its noise schedule has no signal scale (it has betas, but no {SCALE})",
            hint=f"{_ANOTHER}; if you are sure that it is VideoCrafter2, use --without-scale",
        )
