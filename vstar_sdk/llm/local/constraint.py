"""Holding a local model to a JSON Schema, token by token. Imports torch and llguidance."""

# pyright: standard
from __future__ import annotations

from typing import Any

import llguidance
import llguidance.hf
import torch
from torch import Tensor
from transformers import LogitsProcessor

from vstar_sdk.llm.faults import RefusedGrammar

FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to write each JSON text, the usual one. Free white space would let a poor model write blanks without end."""


class JsonConstraint(LogitsProcessor):
    """Lets a model choose only tokens that continue a JSON text of one schema, and its end once the text is whole.

    Args:
        vocabulary: of `tokens_of`.
        schema: the JSON Schema.
        prompt: tokens before the answer.

    Raises:
        RefusedGrammar: the schema asks for what the library cannot check.
    """

    def __init__(self, vocabulary: llguidance.LLTokenizer, schema: dict[str, Any], *, prompt: int) -> None:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=FORM)
        self._matcher = llguidance.LLMatcher(vocabulary, grammar, log_level=0)
        self._seen = prompt
        self._check()

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores ``(1, vocabulary)``, minus infinity where a token does not fit."""
        fresh = input_ids[0, self._seen :].tolist()
        self._seen += len(fresh)
        if fresh and not self._matcher.is_stopped():
            self._matcher.consume_tokens(fresh)
        self._check()
        fits = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8) != 0
        return scores.masked_fill(~fits.to(scores.device), float("-inf"))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise RefusedGrammar(self._matcher.get_error())


def tokens_of(tokenizer: Any, size: int, ends: list[int]) -> llguidance.LLTokenizer:
    """The tokenizer as the library knows it; takes up to a second, so keep it.

    Args:
        tokenizer: a tokenizer of transformers.
        size: width of the model's logits, which may exceed the tokenizer's vocabulary.
        ends: tokens that end an answer.

    Raises:
        ValueError: the tokenizer is of a kind that the library cannot read.
    """
    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=ends)
