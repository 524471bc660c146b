"""The examples in docs/attach.md and README.md run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline

ROOT = Path(__file__).parents[2]


class Quick(TextToVideoSDPipeline):
    """Four steps in place of fifty."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, num_inference_steps=4, **kwargs)


def examples() -> list[str]:
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in ("docs/attach.md", "README.md"))
    return [block for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if "attach(" in block]


@pytest.mark.filterwarnings("ignore:the text encoder does not see the end")  # the tiny one reads few tokens
@pytest.mark.parametrize("example", examples())
def test_an_example_runs(unet3d, example):
    names: dict[str, Any] = {"pipe": Quick(**unet3d.components)}
    exec(compile(f"import vstar_sdk\n{example}", "docs/attach.md", "exec"), names)  # noqa: S102
    assert len(names["video"]) == 16
