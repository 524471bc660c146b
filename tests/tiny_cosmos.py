"""A tiny random Cosmos Predict 2.5 pipeline, whole, in diffusers format: the real classes, made in a second."""

import json
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk.testing.tiny_joint import VAE

CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content[0].text }}<|im_end|>\n{% endfor %}"

TRANSFORMER: dict[str, Any] = {
    "in_channels": 5,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "num_layers": 2,
    "mlp_ratio": 1.0,
    "text_embed_dim": 8,
    "adaln_lora_dim": 4,
    "max_size": (16, 32, 32),
    "patch_size": (1, 2, 2),
    "rope_scale": (1.0, 1.0, 1.0),
    "extra_pos_embed_type": None,
    "use_crossattn_projection": True,
    "crossattn_proj_in_channels": 32,
    "encoder_hidden_states_channels": 8,
}

SCHEDULER: dict[str, Any] = {
    "_class_name": "UniPCMultistepScheduler",
    "num_train_timesteps": 1000,
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "use_karras_sigmas": True,
    "sigma_max": 200.0,
    "sigma_min": 0.01,
    "final_sigmas_type": "sigma_min",
}


def write_tiny_cosmos(directory: Path) -> None:
    """Write a random pipeline; its weights are the same each time. Text is read letter by letter."""
    import torch
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
    from diffusers.models.transformers.transformer_cosmos import CosmosTransformer3DModel
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

    torch.manual_seed(0)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {letter: number for number, letter in enumerate([*special, *sorted(ByteLevel.alphabet())])}
    tokenizer: Any = Qwen2Tokenizer(vocab=vocabulary, merges=[], extra_special_tokens=special[1:])
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(directory / "tokenizer")
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
    }
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "out_hidden_size": 16, "intermediate_size": 16}
    encoder = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision))
    encoder.save_pretrained(directory / "text_encoder")
    network: Any = CosmosTransformer3DModel(**TRANSFORMER)
    for block in network.transformer_blocks:
        # As wide apart as after a training: queries and keys of a random network hardly differ.
        for norm in (block.attn1.norm_q, block.attn1.norm_k):
            torch.nn.init.constant_(norm.weight, 2.0)
    for name, weights in network.named_parameters():
        if ".norm" in name and ".linear" in name:  # modulations, which are small at first
            torch.nn.init.normal_(weights, std=0.5)
    network.save_pretrained(directory / "transformer")
    AutoencoderKLWan(**VAE).save_pretrained(directory / "vae")
    (directory / "scheduler").mkdir()
    (directory / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    index: dict[str, Any] = {
        "_class_name": "Cosmos2_5_PredictBasePipeline",
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "vae": ["diffusers", "AutoencoderKLWan"],
        "transformer": ["diffusers", "CosmosTransformer3DModel"],
        "safety_checker": [None, None],
    }
    (directory / "model_index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def cosmos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Cosmos Predict 2.5: two blocks, pictures in multiples of 16."""
    directory = tmp_path_factory.mktemp("cosmos-2.5")
    write_tiny_cosmos(directory)
    return directory
