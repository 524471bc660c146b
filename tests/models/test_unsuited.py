"""SANA-Video is refused by name, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from diffusers.models.transformers.transformer_sana_video import SanaVideoTransformer3DModel
from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from tests.transformer_models import changed, source
from vstar_sdk import ModelError, SpecError, attach, load_spec

REASON = "SANA-Video cannot be nursed: its attention is linear"


class Holding(DiffusionPipeline):
    """Holds one network."""

    def __init__(self, transformer: Any) -> None:
        super().__init__()
        self.register_modules(transformer=transformer)


def test_attach_says_why():
    network = SanaVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=8,
        sample_size=8,
    )
    message = f"transformer is a SanaVideoTransformer3DModel; {REASON}"
    with pytest.raises(ModelError, match=message) as refused, attach(Holding(network)):
        pass
    assert "WanTransformer3DModel" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["sana", "sana-video", "SANA_Video"])
def test_a_spec_that_names_it_is_told_why(name):
    with pytest.raises(SpecError, match=f"unknown model '{name}': {REASON}"):
        load_spec({"prompt": "a beach", "model": {"use": name}})


@pytest.mark.parametrize("model", ["wan_21", "tiny_ltx"])
def test_a_folder_of_it_is_refused_by_what_it_is(model: str, tmp_path: Path, request: pytest.FixtureRequest):
    folder = changed(
        request.getfixturevalue(model),
        tmp_path / "model",
        "transformer/config.json",
        {"_class_name": "SanaVideoTransformer3DModel"},
    )
    with pytest.raises(ModelError, match=f"its transformer is a SanaVideoTransformer3DModel; {REASON}"):
        source(model, folder).facts()
