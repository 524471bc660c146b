"""attach on tiny LTX pipelines: what is particular to them."""

from __future__ import annotations

import pytest
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXConditionPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from tests.attaching.families import FAMILIES, TAR
from vstar_sdk import attach
from vstar_sdk.errors import ModelError, SamplerError

make = FAMILIES["ltx"].make


def test_fused_projections_are_refused_by_name(pipelines):
    pipe = pipelines("ltx")
    pipe.transformer.fuse_qkv_projections()
    with attach(pipe, [TAR]), pytest.raises(ModelError, match="fused projections, which regularizers would remove"):
        make(pipe)


def test_tokens_of_conditions_are_refused(pipelines):
    """They belong to no frame of the clip."""
    parts = pipelines("ltx").components
    pipe = LTXConditionPipeline(**parts | {"scheduler": FlowMatchEulerDiscreteScheduler()})
    pipe.set_progress_bar_config(disable=True)
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="not known to be whole latent frames") as refused:
        make(pipe)
    assert "LTXPipeline" in (refused.value.hint or "")
