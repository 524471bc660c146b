"""What is scored, from the texts of a command line."""

from __future__ import annotations

import pytest

from vstar_sdk import SpecError
from vstar_sdk.errors import PluginError
from vstar_sdk.scoring.fragments import Fragment, applied, read_fragment

_NINE = {"regularizers": [{"use": "tar"}], "sampling": {"steps": 9}}


@pytest.mark.parametrize(
    ("texts", "label", "data"),
    [
        (["tar"], "tar", {"regularizers": [{"use": "tar"}]}),
        (["{use: tar, sigma: {0: 2}}"], "tar sigma 0: 2", {"regularizers": [{"use": "tar", "sigma": {0: 2}}]}),
        (["apg"], "apg", {"sampling": {"guidance": {"use": "apg"}}}),
        (["relay"], "relay", {"timeline": {"use": "relay"}}),
        (["none"], "none", {"synopsis": {"use": "none"}}),
        (["sampling.noise=gaussian"], "sampling.noise=gaussian", {"sampling": {"noise": {"use": "gaussian"}}}),
        (["regularizers=[tar]"], "regularizers=[tar]", {"regularizers": [{"use": "tar"}]}),
        (["regularizers=[]"], "regularizers=[]", {"regularizers": []}),
        (
            ["window", "tar", "apg", "sampling.steps=12"],
            "window + tar + apg + sampling.steps=12",
            {"regularizers": [{"use": "window"}, {"use": "tar"}], "sampling": {"guidance": {"use": "apg"}, "steps": 12}},
        ),
        ([{"use": "tar", "sigma": {0: 2}}], "tar sigma 0: 2", {"regularizers": [{"use": "tar", "sigma": {0: 2}}]}),
        ([{"regularizers": ["tar"], "sampling": {"steps": 9}}], "regularizers tar, sampling steps: 9", _NINE),
        ([], "", {}),
    ],
    ids=str,
)
def test_texts_become_keys_of_a_spec(texts, label, data):
    assert read_fragment(texts) == Fragment(label, data)


def test_a_name_means_all_parts_of_that_name():
    data = read_fragment(["longvideo/freenoise"]).data
    part = {"use": "longvideo/freenoise"}
    assert data == {"regularizers": [part], "sampling": {"noise": part}}


def test_a_file_holds_keys_of_a_spec_and_its_folder(tmp_path):
    (tmp_path / "mine.yaml").write_text("version: 1\nregularizers: [tar]\nsampling: {steps: 9}\n")
    found = read_fragment([str(tmp_path / "mine.yaml"), "window"])
    assert found.label == "mine + window"
    assert found.data == {"regularizers": [{"use": "tar"}, {"use": "window"}], "sampling": {"steps": 9}}
    assert found.folder == tmp_path


def test_lists_are_added_to_what_both_sides_have_and_all_else_takes_its_place():
    base = {"regularizers": [{"use": "window"}], "sampling": {"steps": 4, "guidance": 3}, "synopsis": {"use": "miniworld"}}
    data = {"regularizers": [{"use": "tar"}], "sampling": {"guidance": 5}, "synopsis": {"use": "none"}}
    assert applied(base, Fragment("x", data)) == {
        "regularizers": [{"use": "window"}, {"use": "tar"}],
        "sampling": {"steps": 4, "guidance": 5},
        "synopsis": {"use": "none"},
    }


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        (["tarr"], SpecError, "there is no part 'tarr' to score. Did you mean 'tar'?"),
        (["mp4"], SpecError, "'mp4' is one of the exporters, which a score does not compare"),
        (["nobody/this"], PluginError, "no installed package brings the plugin 'nobody'"),
        (["longvideo/this"], SpecError, "there is no part 'longvideo/this'"),
        (["{sigma: 4}"], SpecError, "a part has a key 'use'"),
        (["{use: longvideo/freenoise, stride: 2}"], SpecError, "is the name of 2 parts"),
        (["frames=64"], SpecError, "frames is not what a score compares"),
        ([{"frames": 64}], SpecError, "a part to score: frames is not what a score compares"),
        (["sampling=4"], SpecError, "--set sampling: sampling: write a mapping"),
        (["plugins=acme"], SpecError, "--set plugins: plugins: write a list"),
        (["apg", "sampling.guidance=3"], SpecError, "sampling.guidance is set by another part, too"),
        (["relay", "blend"], SpecError, "blend: timeline is set by another part, too"),
        ([" "], SpecError, "a part to score is empty"),
        (["none.yaml"], SpecError, "there is no file none.yaml"),
    ],
    ids=str,
)
def test_what_is_no_part(texts, error, words):
    with pytest.raises(error) as caught:
        read_fragment(texts)
    assert words in str(caught.value)
