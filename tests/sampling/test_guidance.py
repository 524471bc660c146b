"""Guidance: its formulas, its window, and the calls that it needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance import AdaptiveProjectedGuidance
from torch.nn.functional import normalize

from vstar_sdk.attention.moment import Moment
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.sampling.apg import Apg, ApgOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.contract import PROMPT, Branch
from vstar_sdk.sampling.guided import Guided

G = torch.Generator().manual_seed(0)
STEPS: list[dict[str, torch.Tensor]] = [
    dict(zip(("negative", "prompt"), torch.randn(2, 1, 4, 3, 8, 8, generator=G), strict=True)) for _ in range(4)
]
"""The predictions of four steps."""


def moment(step=0, steps=4):
    return Moment(step, steps, 999.0)


def test_cfg_is_the_formula_bit_for_bit():
    negative, prompt = STEPS[0]["negative"], STEPS[0]["prompt"]
    assert torch.equal(Cfg(GuidanceOptions()).combine(STEPS[0], 7.5, moment()), negative + 7.5 * (prompt - negative))


def written_out(step, running, options, scale):
    """APG in float64, after the paper's algorithm."""
    negative, prompt = STEPS[step]["negative"].double(), STEPS[step]["prompt"].double()
    update = prompt - negative + options.momentum * running
    length = update.pow(2).sum((1, 3, 4), keepdim=True).sqrt()
    short = update * (options.threshold / length).clamp(max=1.0) if options.threshold else update
    unit = normalize(prompt, dim=(1, 3, 4))  # pyright: ignore[reportArgumentType]
    along = (short * unit).sum((1, 3, 4), keepdim=True) * unit
    return negative + scale * (short - along + options.parallel * along), update


@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.0}, {"threshold": 0.0, "parallel": 0.5}, {"threshold": 3.0, "momentum": 0.5}],
    ids=str,
)
def test_apg_is_the_papers_algorithm_for_each_frame(options):
    apg = Apg(ApgOptions(**options))
    running: Any = 0.0
    for step in range(4):
        expected, running = written_out(step, running, apg.options, 9.0)
        torch.testing.assert_close(apg.combine(STEPS[step], 9.0, moment(step)).double(), expected, atol=1e-5, rtol=1e-5)


def test_apg_is_the_guider_of_diffusers_bit_for_bit():
    guider: Any = AdaptiveProjectedGuidance(9.0, -0.5, 15.0, (1, 3, 4), 0.0)
    guider.set_state(0, 4, torch.tensor(999))
    guider.prepare_inputs({})
    apg = Apg(ApgOptions())
    for step in range(4):
        given = STEPS[step]
        assert torch.equal(apg.combine(given, 9.0, moment(step)), guider.forward(given["prompt"], given["negative"]).pred)


def test_apg_without_its_three_ideas_is_cfg():
    plain = Apg(ApgOptions(momentum=0.0, threshold=0.0, parallel=1.0)).combine(STEPS[0], 7.5, moment())
    torch.testing.assert_close(plain, Cfg(GuidanceOptions()).combine(STEPS[0], 7.5, moment()), atol=1e-5, rtol=1e-5)


class Counting:
    """A denoiser whose prediction tells the text; it notes its calls."""

    def __init__(self):
        self.calls = []

    def denoise(self, latents, timestep, text):
        assert len(latents) == len(text)
        self.calls.append([float(one.mean()) for one in text])
        return latents + text.mean((2, 3))[:, None, :, None, None]


def guided(adapter, options=None, scale=3.0, batch: Any = "one", guidance=None):
    return Guided(adapter, torch.ones(3, 2, 5), torch.zeros(2, 5), guidance or Cfg(options or GuidanceOptions()), scale, batch)


LATENTS = torch.randn(1, 4, 3, 8, 8, generator=G)


@pytest.mark.parametrize(("batch", "inside"), [("one", [[0.0, 1.0]]), ("two", [[0.0], [1.0]])], ids=["one", "two"])
def test_outside_of_its_window_the_prompt_counts_alone_and_no_other_call_is_made(batch, inside):
    adapter = Counting()
    predict = guided(adapter, GuidanceOptions(start=0.25, stop=0.75), batch=batch)
    found = [predict(LATENTS, torch.tensor(1), moment(step)) for step in range(4)]
    assert adapter.calls == [[1.0], *inside, *inside, [1.0]]
    assert torch.equal(found[0], LATENTS + 1)
    torch.testing.assert_close(found[1], LATENTS + 3)


def test_at_scale_1_no_negative_branch_is_asked_for():
    adapter = Counting()
    assert torch.equal(guided(adapter, scale=1.0)(LATENTS, torch.tensor(1), moment()), LATENTS + 1)
    assert adapter.calls == [[1.0]]


def test_a_guidance_of_the_prompts_branch_alone_is_asked_inside_of_its_window():
    class Less(Cfg):
        branches = (PROMPT,)

        def combine(self, predictions, scale, moment):
            return predictions["prompt"] / scale

    predict = guided(Counting(), guidance=Less(GuidanceOptions(stop=0.5)), scale=2.0)
    found = [predict(LATENTS, torch.tensor(1), moment(step)) for step in range(4)]
    torch.testing.assert_close(found, [(LATENTS + 1) / 2] * 2 + [LATENTS + 1] * 2)


@pytest.mark.parametrize("batch", ["one", "two"])
def test_a_guidance_has_as_many_branches_as_it_names(batch):
    class Three(Cfg):
        branches = (Branch("a"), Branch("b", "negative"), Branch("c"))

        def combine(self, predictions, scale, moment):
            assert list(predictions) == ["a", "b", "c"]
            return predictions["a"] + predictions["b"] + predictions["c"]

    adapter = Counting()
    found = guided(adapter, batch=batch, guidance=Three(GuidanceOptions()))(LATENTS, torch.tensor(1), moment())
    torch.testing.assert_close(found, 3 * LATENTS + 2)
    assert adapter.calls == ([[1.0, 0.0, 1.0]] if batch == "one" else [[1.0], [0.0], [1.0]])
