"""Archives that unfold to more than they hold."""

from __future__ import annotations

import zipfile

import pytest

from vstar_sdk.errors import ModelError
from vstar_sdk.models.videocrafter2.lvdm.checkpoint import open_checkpoint


def test_an_archive_that_is_packed_is_not_unpacked(tmp_path):
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelError, match="expands to more than its own size"), open_checkpoint(path):
        pass


def test_a_record_that_stands_twice_is_not_read(tmp_path):
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("archive/data.pkl", b"two")
    with pytest.raises(ModelError, match="expands to more than its own size"), open_checkpoint(path):
        pass


def test_a_pickle_larger_than_any_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("vstar_sdk.models.videocrafter2.lvdm.checkpoint._LARGEST_PICKLE", 100)
    path = tmp_path / "model.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(101))
    with pytest.raises(ModelError, match="besides the weights"), open_checkpoint(path):
        pass
