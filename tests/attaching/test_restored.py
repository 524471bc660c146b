"""Nothing of attach stays in a pipeline: after a clip, after a failure, and with weights that are moved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate.hooks import attach_align_device_hook
from diffusers.hooks.group_offloading import apply_group_offloading

from tests.attaching.conftest import SUMMER, TAR, WINTER, make, traces
from vstar_sdk import attach
from vstar_sdk.errors import SpecError


class Failed(Exception):
    pass


@pytest.mark.parametrize("failure", [None, Failed, KeyboardInterrupt])
def test_the_pipeline_is_restored_exactly(pipe, failure):
    processors, forward = dict(pipe.unet.attn_processors), pipe.unet.forward
    plain = make(pipe)
    unet = pipe.unet.conv_out

    def fail(*_: Any) -> None:
        if failure is not None:
            raise failure

    hook = unet.register_forward_hook(fail)
    try:
        with attach(pipe, [TAR], [SUMMER, WINTER]):
            make(pipe)
    except (Failed, KeyboardInterrupt):
        pass
    hook.remove()
    after = pipe.unet.attn_processors
    assert after.keys() == processors.keys()
    assert all(after[name] is processors[name] for name in processors)
    assert traces(pipe) == []
    assert pipe.unet.forward == forward
    assert torch.equal(make(pipe), plain)


def test_a_call_that_failed_leaves_no_text_behind(unet3d):
    """The hooks that tell the blocks their text live as long as the call."""
    hook = unet3d.unet.conv_out.register_forward_hook(lambda *_: 1 / 0)
    with attach(unet3d, [], [SUMMER, WINTER]):
        with pytest.raises(ZeroDivisionError):
            make(unet3d)
        hook.remove()
        assert not any(block._forward_pre_hooks for block in unet3d.unet.down_blocks)


def sequential_offload(pipe: Any) -> None:
    """What ``enable_sequential_cpu_offload`` does, for the denoiser: its weights are on the meta device between calls."""
    weights = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}
    attach_align_device_hook(pipe.unet, execution_device=torch.device("cpu"), offload=True, weights_map=weights)
    assert pipe.unet.conv_in.weight.is_meta


def model_offload(pipe: Any) -> None:
    pipe.enable_model_cpu_offload(device="cpu")


def group_offload(pipe: Any) -> None:
    for network in (pipe.unet, pipe.text_encoder):
        apply_group_offloading(network, torch.device("cpu"), torch.device("cpu"), offload_type="leaf_level")


@pytest.mark.parametrize("offload", [pytest.param(sequential_offload, marks=pytest.mark.slow), model_offload, group_offload])
def test_offloading_changes_nothing(pipe, offload):
    plain = make(pipe)
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        expected = make(pipe)
    offload(pipe)
    processors, forward = dict(pipe.unet.attn_processors), pipe.unet.forward
    with attach(pipe, [TAR], [SUMMER, WINTER]):
        clips = [make(pipe), make(pipe)]
    assert all(torch.equal(clip, expected) for clip in clips)
    assert traces(pipe) == []
    assert all(pipe.unet.attn_processors[name] is processors[name] for name in processors)
    assert pipe.unet.forward == forward or offload is model_offload  # which diffusers itself sets anew after each call
    assert torch.equal(make(pipe), plain)


def test_what_does_not_fit_the_model_is_told_by_the_call_and_the_pipeline_is_whole(pipe):
    with attach(pipe, [{"use": "tar", "sigma": {7: 1}}]), pytest.raises(SpecError, match="no temporal attention at level 7"):
        make(pipe)
    assert traces(pipe) == []
