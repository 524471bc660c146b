from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vstar_sdk.output.frames import Frames, FramesOptions


@pytest.mark.parametrize("size", [(64, 64), (63, 17), (1, 1)])
def test_every_image_is_the_frame_to_the_byte(size, tmp_path, make_clip, export):
    written = export(Frames(FramesOptions()), make_clip(frames=5, width=size[0], height=size[1]))
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == ["0000.png", "0001.png", "0002.png", "0003.png", "0004.png"]
    for file, frame in zip(files, written, strict=True):
        with Image.open(file) as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), frame)


def test_numbers_grow_wide_enough_to_sort(tmp_path, make_clip):
    exporter = Frames(FramesOptions())
    exporter.open(tmp_path / "many", make_clip(frames=10_001, captions=("one",)))
    exporter.write(np.zeros((2, 2, 3), np.uint8))
    assert [file.name for file in (tmp_path / "many").iterdir()] == ["00000.png"]
