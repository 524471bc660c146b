"""What cannot be applied to a MODEL, and what a call of it lacks."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from stand_ins import (
    TAR,
    Clip,
    HunyuanVideo,
    LTXVModel,
    UNetModel,
    WanModel,
    applied,
    called,
)
from torch import Tensor, nn
from vstar_comfyui.faults import NodeError

from vstar_sdk import State, Synopsis


class Unet(nn.Module):
    """A network that nobody knows."""


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        (Unet, {"regularizers": [TAR]}, "cannot nurse a Unet\nWhat to do: it knows WanModel, LTXVModel, HunyuanVideo, UNetModel"),
        (WanModel, {}, "nothing to apply"),
        (WanModel, {"synopsis": Synopsis((State("a bud"),))}, "needs a CLIP"),
        (HunyuanVideo, {"synopsis": Synopsis((State("a bud"),)), "clip": Clip()}, "of this HunyuanVideo share one text"),
        (
            LTXVModel,
            {"synopsis": Synopsis((State("a bud"),)), "clip": Clip(), "timeline": "relay"},
            "LTXVModel cannot be relayed",
        ),
        (UNetModel, {"synopsis": Synopsis((State("a bud"),)), "clip": Clip()}, "of this UNetModel read a picture, and no text"),
        (partial(UNetModel, video=False), {"regularizers": [TAR]}, "a UNetModel that makes single pictures"),
    ],
)
def test_what_cannot_be_applied_is_told(model_of: Any, kind: Any, more: dict[str, Any], message: str):
    with pytest.raises(NodeError, match=message):
        applied(model_of(kind()), **more)


def test_a_model_is_nursed_once(wan: Any):
    with pytest.raises(NodeError, match="nursed already\nWhat to do: chain"):
        applied(applied(wan, regularizers=[TAR]), regularizers=[TAR])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"transformer_options": {"cond_or_uncond": [0, 1]}}, "outside of a sampler"),
        ({"regularizers": [TAR | {"sigma": {3: 1}}]}, "no temporal attention at level 3"),
    ],
)
def test_what_a_call_lacks_is_told(model_of: Any, more: dict[str, Any], message: str):
    nursed = applied(model_of(WanModel()), regularizers=more.pop("regularizers", [TAR]))
    with pytest.raises(NodeError, match=message):
        called(nursed, **more)


def test_a_mask_between_tokens_is_refused(model_of: Any):
    class Masked(HunyuanVideo):
        def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
            tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
            square = torch.zeros(len(x), tokens.shape[1], tokens.shape[1])
            return self.double_blocks[0](tokens, square, transformer_options=transformer_options)

    Masked.__name__ = "HunyuanVideo"
    with pytest.raises(NodeError, match="masks attention between tokens"):
        called(applied(model_of(Masked()), regularizers=[TAR]))
