"""Files that are no files, and files without an end."""

from __future__ import annotations

import os

import pytest

from vstar_sdk.errors import ModelError, SpecError, TemplateError
from vstar_sdk.models.videocrafter2.lvdm.checkpoint import open_checkpoint
from vstar_sdk.reading.files import TooLarge, read_bounded
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.templating import templates
from vstar_sdk.weights.directory import read_config


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    return path


@pytest.fixture
def loop(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.symlink_to(other)
    other.symlink_to(one)
    return one


def test_a_file_is_read_as_far_as_its_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"12345678")
    assert read_bounded(tmp_path / "a", 8) == b"12345678"
    with pytest.raises(TooLarge):
        read_bounded(tmp_path / "a", 7)


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "story.yaml").write_text("prompt: a beach")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "story.yaml")
    assert load_spec(tmp_path / "link.yaml").spec.prompt == "a beach"


def test_a_name_that_no_file_can_have_is_no_spec():
    with pytest.raises(SpecError, match="no file has such a name"):
        load_spec("\0")


def test_a_device_is_no_spec():
    with pytest.raises(SpecError, match="/dev/zero cannot be read: it is a device or a pipe"):
        load_spec("/dev/zero")


def test_a_pipe_is_no_spec(pipe):
    with pytest.raises(SpecError, match="device or a pipe"):
        load_spec(pipe)


def test_a_loop_of_links_is_no_spec(loop):
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(loop)


def test_a_path_longer_than_any_is_no_spec():
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec("x" * 300)


def test_a_spec_larger_than_any_is_not_read(tmp_path):
    (tmp_path / "story.yaml").write_text("prompt: " + "x" * (1 << 20))
    with pytest.raises(SpecError, match="a spec has at most 512 KB"):
        load_spec(tmp_path / "story.yaml")


def test_a_pipe_is_no_template(pipe):
    with pytest.raises(TemplateError, match="device or a pipe"):
        templates.read(templates.Found("pipe", pipe, "path"))


def test_a_device_is_no_configuration(tmp_path):
    (tmp_path / "config.json").symlink_to("/dev/zero")
    with pytest.raises(ModelError, match="device or a pipe"):
        read_config(tmp_path, "config.json")


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", "loop"])
def test_what_is_no_file_is_no_checkpoint(target, request):
    path = request.getfixturevalue(target) if target.isalpha() else target
    with pytest.raises(ModelError, match="cannot be read"), open_checkpoint(type(request.path)(path)):
        pass
