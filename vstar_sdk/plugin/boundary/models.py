"""The contract of models: a source with facts, and the adapter that it loads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.contract import Condition
from vstar_sdk.models.estimates import Estimate
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.family import Family
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, Drawn, Entered, described
from vstar_sdk.plugin.boundary.contract import Contract, Member


def _facts(value: Any, call: Call) -> Facts:
    values.instance(Facts)(value, call)
    rules: dict[str, values.Rule] = {
        "name": lambda held: values.text(held) and bool(held),
        "sites": values.all_of(SiteAddress),
        **dict.fromkeys(("frames", "width", "height", "size_multiple", "steps"), values.count),
        "rhythm": lambda held: isinstance(held, Rhythm),
        "fps": lambda held: values.number(held) and held > 0,
        "guidance": values.number,
        "eta": values.number,
        "max_frames": values.or_none(values.count),
        "scheduler": values.text,
        **dict.fromkeys(("encodes", "fixed_size"), lambda held: isinstance(held, bool)),
        **dict.fromkeys(("trained", "needs"), values.all_of(str)),
        "negative_prompt": values.text,
        "vocabulary": values.or_none(lambda held: isinstance(held, frozenset) and all(map(values.text, cast(Any, held)))),
        "scheduler_config": lambda held: isinstance(held, Mapping),
    }
    values.fields(value, rules)
    return value


def _estimate(value: Any, call: Call) -> Estimate:
    values.instance(Estimate)(value, call)
    counted = ("call_flops", "call_bytes", "decode_flops", "decode_bytes")
    rules: dict[str, values.Rule] = {
        **dict.fromkeys(counted, values.amount),
        "denoisers": values.count,
        "weights": lambda held: isinstance(held, Mapping) and all(map(values.amount, cast(Any, held).values())),
    }
    values.fields(value, rules)
    return value


def _network(value: Any, call: Call) -> Any:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.nn.Module):
        raise ContractFault(f"returned {described(value)}, not a torch.nn.Module")
    return value


def _device(value: Any, call: Call) -> Any:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.device):
        raise ContractFault(f"returned {described(value)}, not a torch.device")
    return value


def _hashes(value: Any, call: Call) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(values.text(held) for item in cast(Any, value).items() for held in item):
        raise ContractFault(f"returned {described(cast(object, value))}, not a mapping of names to SHA-256 texts")
    return cast(Any, value)


def _embeddings(value: Any, call: Call) -> Any:
    prompts = len(call.arguments["prompts"])
    if values.tensor(value).ndim != 3 or value.shape[0] != prompts:
        raise ContractFault(f"returned a tensor of shape {tuple(value.shape)}, not (prompts, tokens, dim) with {prompts} prompts")
    return values.finite(value, call)


def _latent_shape(value: Any, call: Call) -> tuple[int, ...]:
    shape = tuple(cast(Any, value)) if isinstance(value, tuple | list) else ()
    if len(shape) != 5 or not all(map(values.count, shape)) or shape[0] != 1:
        raise ContractFault(
            f"returned {shape or described(cast(object, value))}, not (1, channels, latent frames, height, width)"
        )
    asked = call.arguments
    call.memory.setdefault("clips", {})[shape] = (asked["frames"], (asked["height"], asked["width"]))
    return shape


def _prediction(value: Any, call: Call) -> Any:
    return values.finite(values.like(value, call.arguments["latents"], "latents"), call)


def _frames(value: Any, call: Call) -> Drawn:
    latents = call.arguments["latents"]
    frames, size = call.memory.get("clips", {}).get(tuple(latents.shape), (None, None))

    def check(frame: Any, index: int) -> Any:
        if (fault := values.frame_fault(frame, size)) is not None:
            raise ContractFault(f"yielded as frame {index} {fault}")
        return frame

    return Drawn(value, call, check, frames)


def _encoded(value: Any, call: Call) -> Any:
    if values.tensor(value).ndim != 5 or value.shape[0] != 1:
        raise ContractFault(f"returned a tensor of shape {tuple(value.shape)}, not (1, channels, latent frames, height, width)")
    return values.finite(value, call)


def _condition(value: Any, call: Call) -> Condition:
    values.instance(Condition)(value, call)
    if (value.clean is None) != (not value.frames) or (value.clean is not None and value.clean.shape[2] != len(value.frames)):
        raise ContractFault("returned a Condition whose latents are not as many as its frames")
    return replace(value, adapter=ADAPTER.contain(value.adapter, call.origin))


def _sampling(value: Any, call: Call) -> Entered:
    if not isinstance(value, AbstractContextManager):
        raise ContractFault(f"returned {described(value)}, not a context manager")
    return Entered(cast(Any, value), call)


ADAPTER = Contract(
    "Adapter",
    (
        Member("facts", _facts, None),
        Member("denoiser", _network, None),
        Member("family", values.instance(Family), None),
        Member("device", _device, None),
        Member("scheduler_config", values.instance(Mapping), None),
        Member("encode", _embeddings, ("prompts",)),
        Member("cut_off", values.instance(str), ("prompt",)),
        Member("weights", _hashes),
        Member("latent_shape", _latent_shape, ("frames", "height", "width")),
        Member("denoise", _prediction, ("latents", "timestep", "text")),
        Member("decode", _frames, ("latents",)),
        Member("sampling", _sampling, optional=True),
        Member("encode_frames", _encoded, ("frames",), optional=True),
        Member("condition", _condition, ("pictures", "frames", "generator"), optional=True),
    ),
)


def _adapter(value: Any, call: Call) -> Any:
    return ADAPTER.contain(value, call.origin)


CONTRACT = Contract(
    "ModelSource",
    (
        Member("facts", _facts),
        Member("load", _adapter, ("device", "dtype")),
        Member("estimate", _estimate, ("workload",), optional=True),
    ),
)
