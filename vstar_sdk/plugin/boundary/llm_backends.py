"""The contract of LLM backends."""

from __future__ import annotations

from typing import Any

from vstar_sdk.llm.contract import Completion
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call
from vstar_sdk.plugin.boundary.contract import Contract, Member

_STOPS = ("end", "length", "refusal")


def _completion(value: Any, call: Call) -> Completion:
    values.instance(Completion)(value, call)
    rules: dict[str, values.Rule] = {
        "text": values.text,
        "stop": lambda held: values.text(held) and held in _STOPS,
        "model": values.text,
        "input_tokens": values.amount,
        "output_tokens": values.amount,
        "warnings": values.all_of(str),
    }
    values.fields(value, rules)
    return value


CONTRACT = Contract("Backend", (Member("complete", _completion, ("request",)), Member("close")))
