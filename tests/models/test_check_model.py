"""The check for models passes ours, and tells what is wrong with one that is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.errors import SamplerError
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.testing.models import check_model

SIZE: dict[str, Any] = {"frames": 5, "width": 16, "height": 16}


def test_the_family_of_the_papers_model(tiny_source):
    check_model(tiny_source, **SIZE)


def test_miniworld():
    idle = [f"transformer_in.transformer_blocks.0.attn{n}" for n in (1, 2)]  # of all zeros, and so left out
    check_model(miniworld(FramewiseOptions()), frames=3, width=32, height=32, idle=idle)


class Wrong:
    """A source whose adapter is that of another, but for some of its methods."""

    def __init__(self, source: Any, **methods: Any) -> None:
        self._source, self._methods = source, methods

    def facts(self):
        return dataclasses.replace(self._source.facts(), **self._methods.get("facts", {}))

    def load(self, device, dtype):
        outer, adapter = self, self._source.load(device, dtype)

        class Adapter:
            facts = outer.facts()

            def __getattr__(self, name):
                method = outer._methods.get(name)
                return (lambda *given: method(adapter, *given)) if method else getattr(adapter, name)

        return Adapter()


def wrong(source: Any, **methods: Any) -> Any:
    return Wrong(source, **methods)


def neighbours(adapter, prompts):
    return adapter.encode(prompts) + 0.01 * len(prompts)


def one_text(adapter, latents, timestep, text):
    return adapter.denoise(latents, timestep, text[:, :1].expand_as(text))


def leaves_a_hook(adapter, latents, timestep, text):
    adapter.denoiser.register_forward_hook(lambda *_: None)
    return adapter.denoise(latents, timestep, text)


def changes_a_weight(adapter, latents, timestep, text):
    adapter.denoiser.conv_in.bias.data += 1e-6
    return adapter.denoise(latents, timestep, text)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"encode": lambda adapter, prompts: adapter.encode(prompts[:1])}, "1 embeddings for 2 prompts"),
        ({"encode": lambda adapter, prompts: 0 * adapter.encode(prompts)}, "the same for different prompts"),
        ({"encode": neighbours}, "depends on its neighbours"),
        ({"denoise": one_text}, "another text in the last frame changes nothing"),
        ({"denoise": lambda adapter, x, *rest: adapter.denoise(x, *rest)[:1]}, r"denoise gave the shape \(1, "),
        ({"denoise": lambda adapter, x, *rest: adapter.denoise(x, *rest) * torch.nan}, "not finite"),
        ({"denoise": leaves_a_hook}, "the model is not as it was"),
        ({"denoise": changes_a_weight}, "the output changes|the model is not as it was"),
        ({"decode": lambda adapter, x: list(adapter.decode(x))}, "all frames at once"),
        ({"decode": lambda adapter, x: iter(list(adapter.decode(x))[1:])}, "4 frames of 5"),
        ({"decode": lambda adapter, x: (frame[..., :1] for frame in adapter.decode(x))}, r"frames of .*\(16, 16, 1\)"),
        ({"cut_off": lambda adapter, prompt: prompt}, "does not see the end of 'a'"),
        ({"facts": {"sites": ()}}, "name no temporal attention"),
        ({"facts": {"sites": (SiteAddress("a", "down", 1, 2, 8),)}}, r"its levels are \(1,\)"),
    ],
)
def test_what_is_wrong_is_told(tiny_source, methods, message):
    with pytest.raises(AssertionError, match=message):
        check_model(wrong(tiny_source, **methods), **SIZE)


def test_a_site_that_never_runs_is_told(tiny_source):
    def without_the_middle(adapter, latents, timestep, text):
        middle, adapter.denoiser.mid_block = adapter.denoiser.mid_block, None
        try:
            return adapter.denoise(latents, timestep, text)
        finally:
            adapter.denoiser.mid_block = middle

    with pytest.raises(SamplerError, match=r"mid_block.*did not run in step 0"):
        check_model(wrong(tiny_source, denoise=without_the_middle), **SIZE)
