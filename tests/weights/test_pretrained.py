"""Networks of transformers: any architecture, as the library's own loader gives it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    Phi3Config,
    PreTrainedConfig,
    Qwen2MoeConfig,
    Qwen3Config,
)
from transformers.utils import logging

from tests.weights.test_components import assert_same
from vstar_sdk.weights.pretrained import load_pretrained

COMMON: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "pad_token_id": 0,
}
EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 8,
    "shared_expert_intermediate_size": 8,
}

CHAT: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**COMMON),
    "qwen3, its table tied": Qwen3Config(**COMMON, tie_word_embeddings=True),
    "gemma2": Gemma2Config(**COMMON),
    "phi3": Phi3Config(**COMMON),
    "experts, their matrices merged": Qwen2MoeConfig(**COMMON, **EXPERTS),
    "gpt2": GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2),
}


@pytest.fixture(scope="module", params=CHAT)
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp("chat")
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(CHAT[request.param]).save_pretrained(made)
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_chat_model_is_what_the_library_loads(folder, dtype):
    found = load_pretrained(AutoModelForCausalLM, folder, dtype=dtype, use_safetensors=True)
    wanted = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
    assert_same(found, wanted)
    assert found.generation_config.to_dict() == wanted.generation_config.to_dict()
    words = torch.arange(6)[None]
    assert torch.equal(found(words).logits, wanted(words).logits)


def test_bars_are_not_shown_and_those_of_the_host_are_left_as_they_were(folder, capfd):
    shown = []

    def hook(factory, args, kwargs):
        shown.append(kwargs.get("desc"))
        return factory(*args, **kwargs)

    before = logging.set_tqdm_hook(hook)
    try:
        load_pretrained(AutoModelForCausalLM, folder, dtype=torch.float32)
        assert shown == []
        assert "Loading" not in capfd.readouterr().err
        AutoModelForCausalLM.from_pretrained(folder)
        assert shown == ["Loading weights"]
        assert logging.set_tqdm_hook(hook) is hook
    finally:
        logging.set_tqdm_hook(before)
    assert logging.is_progress_bar_enabled()
