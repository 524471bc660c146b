"""Out to an editor's timeline, and back as key states."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest
import vstar_otio
import yaml
from vstar_otio.exporters import Timeline

from vstar_sdk import Session, SpecError, load_spec
from vstar_sdk.testing.exporters import check_exporter
from vstar_sdk.testing.imports import private_imports

STATES = [
    {"caption": "a field in winter", "at": 0},
    {"caption": "a field in spring", "at": 3},
    {"caption": "a Field in autumn", "at": 7},
]
EMPTY = '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": []}}'
SPEC = {
    "frames": 8,
    "fps": 24,
    "synopsis": {"states": STATES},
    "sampling": {"steps": 2},
    "regularizers": [],
    "output": [{"use": "otio/timeline"}, {"use": "otio/edl"}],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("otio") / "run"
    with Session() as session:
        session.run(SPEC, out=out)
    return out


def states(folder: Path, file: str, **more):
    (folder / "back.yaml").write_text(
        f"prompt: a field\nframes: 8\nfps: {more.get('fps', 24)}\nsynopsis: {{use: otio/markers, file: {file}}}\n"
    )
    with Session() as session:
        story = session.plan(folder / "back.yaml").story
    assert story is not None
    return [state.caption for state in story.synopsis.states], story.timeline.anchors


def test_it_uses_public_names_only():
    assert private_imports(Path(vstar_otio.__file__).parent) == []


def test_the_kit_passes_the_exporter(tmp_path):
    check_exporter(lambda: Timeline(vstar_otio.TimelineOptions()), tmp_path)


def test_the_timeline_is_cut_where_the_state_changes_and_marked_at_the_anchors(run):
    timeline = otio.adapters.read_from_file(str(run / "story.otio"))
    (track,) = timeline.tracks
    spans = [(item.source_range.start_time.value, item.source_range.duration.value) for item in track]
    assert spans == [(0, 2), (2, 3), (5, 3)]
    assert timeline.duration() == otio.opentime.RationalTime(8, 24)
    markers = [(item.markers[0].name, item.markers[0].marked_range.start_time.value) for item in track]
    assert markers == [(state["caption"], state["at"]) for state in STATES]
    assert {item.media_reference.target_url for item in track} == {"video.mp4"}


def test_what_was_written_is_read_back(run):
    assert states(run, "story.otio") == ([state["caption"] for state in STATES], (0, 3, 7))
    assert states(run, "story.edl") == ([state["caption"].lower() for state in STATES], (0, 3, 7))


def test_markers_count_wherever_they_lie_and_whatever_was_moved(run):
    timeline = otio.adapters.read_from_file(str(run / "story.otio"))
    (track,) = timeline.tracks
    del track[0]  # the first two frames were cut off: everything comes two frames earlier
    track[0].markers[0].comment = "a field in early spring"
    begin = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(1, 24))
    timeline.tracks.markers.append(otio.schema.Marker(name="a field under ice", marked_range=begin))
    track.markers.append(otio.schema.Marker(name="  ", marked_range=begin))
    otio.adapters.write_to_file(timeline, str(run / "moved.otio"))
    assert states(run, "moved.otio") == (["a field under ice", "a field in early spring", "a Field in autumn"], (0, 1, 5))


def test_anchors_are_moments_so_another_rate_keeps_them(run):
    assert states(run, "story.otio", fps=12)[1] == (0, 2, 4)


def test_a_rate_without_timecodes_is_refused_in_the_plan():
    with pytest.raises(SpecError, match=r"^output\[1\]: otio/edl .*not 8 frames a second"), Session() as session:
        session.plan(SPEC | {"fps": 8})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.otio", None, "there is no such file"),
        ("story.txt", "x", r"neither in \.otio nor in \.edl"),
        ("broken.otio", "{", "cannot be read as a timeline"),
        ("broken.edl", "001 nonsense", "cannot be read as a timeline"),
        ("other.otio", '{"OTIO_SCHEMA": "Gap.1"}', "holds a Gap, not a timeline"),
        (
            "empty.otio",
            '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": []}}',
            "no marker with a text",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SpecError, match=said) as refused:
        states(tmp_path, name)
    assert refused.value.path == ("synopsis", "file")
    assert refused.value.hint


def test_a_guard_holds_for_the_file(tmp_path):
    from vstar_sdk import Guard

    (tmp_path / "in").mkdir()
    spec = {"prompt": "x", "frames": 8, "synopsis": {"use": "otio/markers", "file": str(tmp_path / "story.otio")}}
    with pytest.raises(SpecError, match="file"):
        load_spec(spec, guard=Guard(roots=(tmp_path / "in",), plugins=("otio",)))


def test_the_specs_of_its_page_are_read():
    page = (Path(vstar_otio.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    first, second = [load_spec(yaml.safe_load(block.partition("```")[0])) for block in page.split("```yaml\n")[1:]]
    assert [one.part for one in first.spec.output] == ["mp4", "otio/timeline"]
    assert second.spec.synopsis.part == "otio/markers"
