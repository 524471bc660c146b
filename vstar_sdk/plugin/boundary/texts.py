"""The contract of text parts."""

from __future__ import annotations

from typing import Any

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member
from vstar_sdk.texts.contract import FrameText


def _reads(value: Any, call: Call) -> str:
    if value not in ("frames", "states"):
        raise ContractFault(f"is {described(value)}, neither 'frames' nor 'states'")
    return value


def _text(value: Any, call: Call) -> FrameText:
    if not isinstance(value, FrameText):
        raise ContractFault(f"returned {described(value)}, not a vstar_sdk.FrameText")
    given, frames = call.arguments["embeddings"], call.arguments["clock"].latents
    many = frames if value.bias is None else len(given)
    came = f"{tuple(values.tensor(value.embeddings).shape)} {value.embeddings.dtype} on {value.embeddings.device}"
    wanted = f"{(many, *given.shape[1:])} {given.dtype} on {given.device}"
    if came != wanted:
        raise ContractFault(f"returned embeddings of {came}, but {wanted} was asked for")
    values.finite(value.embeddings, call)
    if value.bias is not None:
        _bias(value.bias, (frames, len(given)))
    return value


def _bias(bias: Any, shape: tuple[int, int]) -> None:
    if tuple(values.tensor(bias).shape) != shape or not bias.is_floating_point():
        came = f"{tuple(bias.shape)} {bias.dtype}"
        raise ContractFault(f"returned a bias of {came}, but {shape} floating-point numbers were asked for")
    hidden = bias == float("-inf")
    if not (bias.isfinite() | hidden).all() or hidden.all(dim=-1).any():
        raise ContractFault("returned a bias that is not finite: only some states of a frame may be hidden by -inf")


CONTRACT = Contract(
    "Text",
    (
        Member("reads", _reads, None),
        Member("text", _text, ("synopsis", "embeddings", "clock")),
    ),
)
