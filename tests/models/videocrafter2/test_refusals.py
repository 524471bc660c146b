"""What cannot be converted is refused by name, nothing in it is run, and nothing is left behind."""

from __future__ import annotations

import os
import pickle

import layout
import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import constants
from safetensors import SafetensorError
from safetensors.torch import save_file

from vstar_sdk.cli.main import cli
from vstar_sdk.errors import ModelError, OutputError
from vstar_sdk.models.videocrafter2.lvdm.conversion import convert
from vstar_sdk.models.videocrafter2.lvdm.reading import account, understand
from vstar_sdk.models.videocrafter2.lvdm.recognition import refuse_relatives

UNET = "model.diffusion_model."


@pytest.fixture
def refused(tmp_path, clip_tokenizer):
    """Convert by the command, and give what it said; nothing may be left behind."""

    def run(path, *arguments):
        before = {*tmp_path.iterdir()}
        out = tmp_path / "out"
        done = CliRunner().invoke(
            cli, ["convert", "videocrafter2", str(path), str(out), "--tokenizer", str(clip_tokenizer), *arguments]
        )
        assert {*tmp_path.iterdir()} == before
        assert "Traceback" not in done.output
        assert done.exit_code == 5, done.output
        return done.output.partition("error: ")[2]

    return run


@pytest.fixture
def saved(state, save_checkpoint, tmp_path):
    """A checkpoint of the tiny model with some tensors changed (None: removed)."""

    def save(**changes):
        changed = {**state, **{key.replace("__", "."): value for key, value in changes.items()}}
        return save_checkpoint({key: value for key, value in changed.items() if value is not None}, tmp_path / "model.ckpt")

    return save


ANCHORS = [
    f"{UNET}out.2.bias",
    f"{UNET}input_blocks.0.0.weight",
    f"{UNET}time_embed.0.weight",
    f"{UNET}fps_embedding.0.bias",
    f"{UNET}init_attn.0.proj_in.weight",
    f"{UNET}input_blocks.1.0.out_layers.3.weight",
    f"{UNET}input_blocks.1.0.temopral_conv.conv2.3.weight",
    f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight",
    f"{UNET}output_blocks.1.3.conv.bias",
    "first_stage_model.encoder.down.1.block.0.conv1.weight",
    "first_stage_model.decoder.up.0.block.1.norm2.bias",
    "first_stage_model.post_quant_conv.weight",
    "cond_stage_model.model.positional_embedding",
    "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight",
    "cond_stage_model.model.transformer.resblocks.2.mlp.c_proj.bias",
]
"""Tensors of every component, those among them that sizes are read from."""


@pytest.fixture(scope="module")
def shapes(state):
    return {key: tuple(value.shape) for key, value in state.items()}


def complaint(shapes):
    with pytest.raises(ModelError) as refused:
        account(shapes, understand(shapes))
    return refused.value.message


some = pytest.mark.parametrize(
    "key", [pytest.param(key, marks=pytest.mark.slow) if n % 4 else key for n, key in enumerate(ANCHORS)]
)
"""One of four, and all among the slow tests."""


@some
def test_a_missing_key_is_named(shapes, key):
    assert complaint({name: shape for name, shape in shapes.items() if name != key}) == f"the key {key} is missing"


@some
def test_a_key_of_a_wrong_shape_is_named_with_both(shapes, key):
    wrong = (shapes[key][0] + 1, *shapes[key][1:])
    wanted = (
        str(shapes[key][:2]).rstrip(")") if key.endswith("proj_in.weight") else str(shapes[key])
    )  # a 1x1 convolution is linear
    assert complaint({**shapes, key: wrong}).startswith(f"the key {key} has the shape {wrong}, but must have {wanted}")


@pytest.mark.parametrize("prefix", [UNET, "first_stage_model.", "cond_stage_model.model.", "model_ema.", ""])
def test_a_key_too_many_is_named(shapes, prefix):
    key = f"{prefix}something.weight"
    assert complaint({**shapes, key: (3,)}) == f"the key {key} is not part of VideoCrafter2"


def test_the_command_says_so_and_leaves_nothing_behind(refused, saved):
    key = f"{UNET}out.2.bias"
    assert f"the key {key} is missing" in refused(saved(**{key: None}))
    assert "the key extra.weight is not part of VideoCrafter2" in refused(saved(extra__weight=torch.zeros(2)))
    said = refused(saved(**{key: torch.zeros(5)}))
    assert f"the key {key} has the shape (5,), but must have (4,)" in said
    assert "fetch VideoCrafter2's model.ckpt again" in said


@pytest.mark.parametrize("part", [0.99, 0.5, 0.0001, 0.0])
def test_a_truncated_file(refused, checkpoint, tmp_path, part):
    whole = checkpoint.read_bytes()
    (tmp_path / "model.ckpt").write_bytes(whole[: int(len(whole) * part)])
    assert "model.ckpt: is truncated" in refused(tmp_path / "model.ckpt")


def test_a_damaged_middle(refused, checkpoint, tmp_path):
    """The list of what is in the file is whole, and the pickle is not."""
    content = bytearray(checkpoint.read_bytes())
    start = content.index(b"data.pkl")
    content[start + 100 : start + 600] = bytes(500)
    (tmp_path / "model.ckpt").write_bytes(content)
    assert "model.ckpt: cannot be read" in refused(tmp_path / "model.ckpt")


@pytest.mark.parametrize("cut", [100, 10**6])
def test_truncated_safetensors(refused, state, tmp_path, cut):
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert "model.safetensors: cannot be read" in refused(path)


class RunsCode:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_pickle_that_runs_code_is_refused_by_name_and_not_run(refused, state, save_checkpoint, tmp_path):
    path = save_checkpoint(state, tmp_path / "model.ckpt", more=RunsCode(tmp_path / "made"))
    said = refused(path)
    assert f"names {os.mkdir.__module__}.mkdir, which weights do not need: it is not read" in said
    assert not (tmp_path / "made").exists()


def test_a_class_that_is_no_callback_of_a_training_framework_is_refused_by_name(refused, state, save_checkpoint, tmp_path):
    from fractions import Fraction

    assert "names fractions.Fraction" in refused(save_checkpoint(state, tmp_path / "model.ckpt", more=Fraction(1, 3)))


def test_a_bare_pickle_is_not_read(refused, tmp_path):
    (tmp_path / "model.ckpt").write_bytes(pickle.dumps({"state_dict": RunsCode(tmp_path / "made")}))
    assert "is not a checkpoint of PyTorch" in refused(tmp_path / "model.ckpt")
    torch.save({"x": torch.zeros(2)}, tmp_path / "model.ckpt", _use_new_zipfile_serialization=False)
    assert "is not a checkpoint of PyTorch" in refused(tmp_path / "model.ckpt")
    assert not (tmp_path / "made").exists()


def test_a_file_with_other_things_than_tensors(refused, tmp_path):
    torch.save([1, 2], tmp_path / "model.ckpt")
    assert "holds no weights" in refused(tmp_path / "model.ckpt")
    torch.save({"state_dict": {"a": 1}}, tmp_path / "model.ckpt")
    assert "holds 'a', a int, among its weights" in refused(tmp_path / "model.ckpt")


def test_a_folder_and_a_text_in_the_place_of_the_checkpoint_are_told(refused, tmp_path):
    assert "is a folder" in refused(tmp_path)
    pointer = tmp_path / "model.ckpt"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "is a text file, not a checkpoint" in refused(pointer)


def test_no_file(refused, tmp_path):
    assert "nowhere.ckpt: there is no such file" in refused(tmp_path / "nowhere.ckpt")


def without(shapes, *marks):
    return {key: shape for key, shape in shapes.items() if not any(mark in key for mark in marks)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: without(s, "fps_embedding"), "it is VideoCrafter1: it is not conditioned on frames a second"),
        (
            lambda s: without(s, "temopral_conv"),
            "it is VideoCrafter1 (the 1024-wide model, say): it has no temporal convolutions",
        ),
        (
            lambda s: {**s, f"{UNET}input_blocks.1.2.transformer_blocks.0.attn1.relative_position_k.embeddings_table": (33, 64)},
            "it is the 1024-wide VideoCrafter1: its temporal attention has relative positions",
        ),
        (
            lambda s: {**s, f"{UNET}input_blocks.0.0.weight": (320, 8, 3, 3)},
            "it is an image-to-video VideoCrafter checkpoint: its network takes 8 channels",
        ),
        (
            lambda s: {**s, f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k_ip.weight": (320, 1024)},
            "it is an image-to-video VideoCrafter checkpoint: its key",
        ),
        (lambda s: {**s, "image_proj_model.proj.weight": (4096, 1024)}, "it is an image-to-video VideoCrafter checkpoint"),
        (lambda s: {**s, "betas": (1000,)}, "it is VideoCrafter1: its noise schedule has no signal scale"),
        (lambda s: without(s, UNET), "it is not a VideoCrafter checkpoint"),
    ],
)
def test_relatives_are_refused_by_name(change, said):
    with pytest.raises(ModelError) as refused:
        refuse_relatives(change(layout.official()))
    assert refused.value.message.startswith(said)
    assert "VideoCrafter2" in str(refused.value.hint)


def test_the_released_checkpoint_is_not_taken_for_a_relative():
    refuse_relatives(layout.official())
    refuse_relatives({**layout.official(), "betas": (1000,), "scale_arr": (1400,)})


def test_a_schedule_without_a_signal_scale_can_be_said_to_be_videocrafter2_all_the_same(refused, saved, clip_tokenizer, tmp_path):
    path = saved(scale_arr=None)
    assert "it is VideoCrafter1: its noise schedule has no signal scale" in refused(path)
    convert(path, tmp_path / "out", str(clip_tokenizer), without_scale=True)
    assert (tmp_path / "out" / "model_index.json").is_file()


def test_another_signal_scale_is_refused(refused, saved):
    assert "scale_arr does not end at 0.7" in refused(saved(scale_arr=torch.linspace(1, 0.5, 1000)))


def test_a_text_of_another_width_than_the_network_reads(shapes):
    other = {key: shape for key, shape in shapes.items() if not key.startswith("cond_stage_model.")}
    other |= layout.checkpoint({}, {}, layout.text(32, 3, 60))
    assert "its network reads text of width 24, and its text tower gives 32" in complaint(other)


def test_an_output_that_exists_is_left_alone(checkpoint, clip_tokenizer, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="out' exists already"):
        convert(checkpoint, tmp_path / "out", str(clip_tokenizer))
    assert [*tmp_path.rglob("*")] == [tmp_path / "out"]


def test_an_output_without_a_folder_to_be_in(checkpoint, clip_tokenizer, tmp_path):
    with pytest.raises(OutputError, match="there is no folder"):
        convert(checkpoint, tmp_path / "no" / "out", str(clip_tokenizer))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space"), KeyboardInterrupt()])
def test_whatever_happens_while_writing_leaves_nothing_behind(checkpoint, clip_tokenizer, tmp_path, monkeypatch, error):
    def fail(path, content):
        raise error

    monkeypatch.setattr("vstar_sdk.models.videocrafter2.lvdm.conversion._write_json", fail)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        convert(checkpoint, tmp_path / "out", str(clip_tokenizer))
    assert [*tmp_path.iterdir()] == []


def test_a_tokenizer_of_another_vocabulary_is_refused(checkpoint, tmp_path, tiny_pipeline_dir):
    with pytest.raises(ModelError, match="tokens, but the checkpoint's text encoder has"):
        convert(checkpoint, tmp_path / "out", str(tiny_pipeline_dir / "tokenizer"))
    with pytest.raises(ModelError, match="there is no such folder with a tokenizer"):
        convert(checkpoint, tmp_path / "out", "./nowhere")
    with pytest.raises(ModelError, match="has no CLIP tokenizer"):
        convert(checkpoint, tmp_path / "out", str(checkpoint.parent))
    assert [*tmp_path.iterdir()] == []


def test_without_a_connection_the_tokenizers_remedy_is_named(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelError, match="openai/clip-vit-large-patch14 cannot be loaded: it is not on this machine") as no:
        convert(checkpoint, tmp_path / "out")
    assert "--tokenizer" in str(no.value.hint)
    assert not (tmp_path / "out").exists()
