"""The studio in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
import yaml
from PIL import Image

from tests.service.conftest import clip, served
from tests.service.studio_browser import browser, compose, drag, page_of, run_button, video, violations
from vstar_sdk import Guard
from vstar_sdk.service.access import access
from vstar_sdk.service.page import FILES

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("studio"), guard=Guard(plugins=("longvideo", "example"))) as address:
        yield address


def spec_of(address, number=0):
    """The spec of the run that came last, or before it."""
    run = httpx2.get(f"{address}/v1/runs").json()["data"][number]["id"]
    return yaml.safe_load(httpx2.get(f"{address}/v1/runs/{run}/spec").text)


def test_nothing_on_the_page_is_inline_or_from_elsewhere():
    html = (FILES / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", html)
    assert all(re.fullmatch(r"studio/[\w.]+|#prompt", link) for link in re.findall(r'(?:src|href)="([^"]*)"', html))
    for file in FILES.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://", text), (
            file
        )
    for file in FILES.glob("*.css"):
        assert not re.search(r"@import|https?://", file.read_text(encoding="utf-8")), file


def test_the_page_and_its_files_are_served_under_a_strict_policy(waiting):
    page = waiting.get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    for name in re.findall(r'="(studio/[\w.]+)"', page.text):
        assert waiting.get(f"/{name}").status_code == 200, name
    assert waiting.get("/studio/../app.py").status_code == 404


def test_a_prompt_becomes_a_timeline_whose_anchors_move_by_keys(chromium, address):
    with page_of(chromium, address) as page:
        page.fill("#prompt", "a volcano wakes up")
        page.get_by_label("Frames", exact=True).fill("12")
        page.locator("dd", has_text="12 frames").wait_for()
        anchor = page.get_by_role("slider", name="Anchor of state 2")
        assert anchor.get_attribute("aria-valuetext") == "frame 5, rules frames 3–7: a volcano is smoking under a grey sky"
        anchor.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
        assert anchor.get_attribute("aria-valuenow") == "7"
        page.keyboard.press("End")
        assert anchor.get_attribute("aria-valuenow") == "10"
        page.get_by_text("frames 5–10").wait_for()
        assert page.evaluate("document.activeElement.id") == "anchor-1"


@pytest.mark.slow
def test_a_story_from_nothing_to_a_video_a_state_dragged_and_redone_and_a_form_of_a_plugin(chromium, address, tmp_path):
    with page_of(chromium, address) as page:
        compose(page)
        drag(page, 1, 7, 12)
        assert page.get_attribute("#anchor-1", "aria-valuenow") == "7"
        page.get_by_label("Add to regularizers").select_option("longvideo/ultravico")
        page.locator("#parts").get_by_label("Factor").fill("0.8")
        page.locator("dd", has_text="tar, longvideo/ultravico").wait_for()
        run_button(page).click()
        page.locator("#stage canvas").wait_for()
        assert video(page)[2] == pytest.approx(12 / 8, abs=0.15)
        first = spec_of(address)
        assert first["regularizers"] == [{"use": "tar"}, {"use": "longvideo/ultravico", "factor": 0.8}]
        assert [state["at"] for state in first["synopsis"]["states"]] == [0, 7, 11]

        drag(page, 2, 10, 12)
        page.fill("#caption-2", "a volcano is smoking under a red sky")
        page.locator("#redo-2:enabled").click()
        page.locator("#said", has_text="State 3 is made again").wait_for()
        page.locator("#stage canvas").wait_for()
        video(page)
        again = spec_of(address)
        assert again["start"]["keep"] == "0-7"
        assert again["synopsis"]["states"][2] == {"caption": "a volcano is smoking under a red sky", "at": 10}

        with page.expect_download() as saved:
            page.get_by_role("button", name="Download MP4").click()
        saved.value.save_as(tmp_path / "story.mp4")
        assert (tmp_path / "story.mp4").read_bytes()[4:8] == b"ftyp"

        for box in page.get_by_role("checkbox", name="Compare").all()[:2]:
            box.check()
        page.get_by_role("button", name="Compare the two").click()
        table = page.get_by_role("table")
        assert (
            "a volcano is smoking under a red sky"
            in table.get_by_role("row", name=re.compile(r"states\[2\].caption")).inner_text()
        )
        assert violations(page) == []
        page.get_by_role("button", name="Close").click()


@pytest.mark.slow
def test_the_spec_is_yaml_in_both_directions(chromium, address):
    problems = []
    with page_of(chromium, address, problems=problems) as page:
        compose(page)
        page.click("#tab-yaml")
        area = page.get_by_label("The spec as YAML")
        page.locator("#yaml-note", has_text="the same spec").wait_for()
        assert yaml.safe_load(area.input_value()) == {"prompt": "a volcano wakes up", "frames": 12, "sampling": {"steps": 2}}
        area.fill("prompt: a red flower opens\nframes: 20\nregularizers: [{use: alibi}]\n")
        page.locator("dd", has_text="20 frames").wait_for()
        assert page.input_value("#prompt") == "a red flower opens"
        page.click("#tab-parts")
        assert page.locator("#parts .name").all_inner_texts() == ["alibi"]
        page.click("#tab-yaml")
        area.fill("prompt: [")
        page.locator("#yaml-note.wrong", has_text="spec:1").wait_for()
    assert all("400" in one for one in problems)  # a browser writes a refused request to its console


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 800, 1280, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(chromium, address, width, theme):
    with page_of(chromium, address, width=width, theme=theme) as page:
        assert violations(page) == []
        compose(page)
        page.get_by_label("Add to regularizers").select_option("longvideo/profile")
        for tab in ("options", "yaml", "parts"):
            page.click(f"#tab-{tab}")
            page.locator(f"#{tab} details:not([open]) > summary").evaluate_all("all => all.forEach(one => one.click())")
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_every_part_of_the_schema_has_a_form(chromium, address):
    problems = []
    with page_of(chromium, address, problems=problems) as page:
        compose(page)
        adding = page.get_by_label("Add to regularizers")
        names = [name for name in adding.locator("option").evaluate_all("all => all.map(one => one.value)") if name]
        assert {"tar", "alibi", "longvideo/ultravico", "example/lean"} <= {*names}
        for name in names:
            adding.select_option(name)
            last = page.locator("#parts .card").last
            assert last.locator(".name").inner_text() == name
            assert last.get_by_label("Strength: how it is written").count() == 1, name
    assert all("400" in one for one in problems)  # some need an option


@pytest.mark.slow
def test_what_is_refused_is_told_and_text_stays_text(chromium, address):
    problems = []
    with page_of(chromium, address, problems=problems) as page:
        compose(page)
        page.get_by_label("Add to regularizers").select_option("longvideo/ultravico")
        page.locator("#parts").get_by_label("Factor").fill("-1")
        page.get_by_role("alert").filter(has_text="factor").wait_for()
        assert run_button(page).is_disabled()
        page.get_by_role("button", name="Remove longvideo/ultravico").click()
        page.locator("dd", has_text="12 frames").wait_for()
        page.fill("#caption-0", "<img src=x onerror=alert(1)>")
        page.locator("#anchor-0[aria-valuetext*='<img']").wait_for()
        assert page.locator("main img[src=x]").count() == 0
    assert all("400" in one for one in problems)


def test_parts_of_plugins_that_are_refused_are_not_offered(client):
    names = {*client.get("/schema").json()["properties"]["regularizers"]["items"]["discriminator"]["mapping"]}
    assert "tar" in names
    assert not [name for name in names if "/" in name]  # the guard of this service allows no plugin


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "a <b>.png"
    Image.new("RGB", (64, 64), "teal").save(path)
    return path


@pytest.mark.slow
def test_a_clip_begins_with_a_picture_that_is_chosen_and_removed(chromium, address, first):
    problems = []
    with page_of(chromium, address, problems=problems) as page:
        compose(page)
        begins = page.get_by_label("Begins with: choose a picture or a video")
        begins.set_input_files(first)
        page.locator("dd", has_text="first: frame 0").wait_for()
        page.locator("#said", has_text="The clip begins with a <b>.png").wait_for()
        assert page.locator("#given img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
        assert page.evaluate("document.activeElement.id") == "begin-remove"
        assert violations(page) == []
        run_button(page).click()
        video(page)
        assert spec_of(address)["start"] == {"first": "first.png"}

        page.keyboard.press("Escape")
        page.locator("#begin-remove").focus()
        page.keyboard.press("Enter")
        page.locator("dd", has_text="first: frame 0").wait_for(state="detached")
        assert page.evaluate("document.activeElement.id") == "begin-file"
        page.get_by_role("button", name="Edit").first.click()  # it comes back with its run
        page.locator("dd", has_text="first: frame 0").wait_for()
        assert page.locator("#given img").count() == 1
        page.wait_for_timeout(1000)
        page.reload()
        page.locator("#given", has_text="not on this page: choose it again").wait_for()
        page.get_by_role("alert").wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Remove first.png").click()
        page.locator("dd", has_text="12 frames").wait_for()
    assert all("400" in one for one in problems)


@pytest.mark.slow
def test_a_clip_ends_with_a_video_and_what_is_none_is_told(chromium, address, tmp_path):
    problems = []
    end = tmp_path / "end.mp4"
    end.write_bytes(clip(4, (64, 64)))
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with page_of(chromium, address, problems=problems) as page:
        compose(page)
        ends = page.get_by_label("Ends with: choose a picture or a video")
        ends.set_input_files(end)
        page.locator("dd", has_text="into: frames 8-11").wait_for()
        shown = (
            "video => new Promise(done => video.readyState ? done(video.videoWidth) : "
            "video.onloadedmetadata = () => done(video.videoWidth))"
        )
        assert page.locator("#given video").evaluate(shown) == 64
        page.click("#tab-yaml")
        page.locator("#yaml-note", has_text="the same spec").wait_for()
        assert yaml.safe_load(page.get_by_label("The spec as YAML").input_value())["start"] == {"into": "end.mp4"}
        page.get_by_role("button", name="Remove end.mp4").click()
        ends.set_input_files(tmp_path / "no.mp4")
        page.get_by_role("alert").filter(has_text="into takes a video, and this is none").wait_for()
        assert run_button(page).is_disabled()
    assert all("400" in one for one in problems)


@pytest.mark.slow
def test_a_run_that_waits_is_cancelled_and_one_that_ended_is_deleted(chromium, address):
    with page_of(chromium, address) as page:
        compose(page, steps=200)
        run_button(page).click()
        page.locator("#stage").get_by_role("button", name="Cancel").click()
        page.locator("#stage", has_text="This run was cancelled").wait_for()
        before = len(httpx2.get(f"{address}/v1/runs").json()["data"])
        page.get_by_role("button", name="Delete").first.click()
        page.locator("#said", has_text="Deleted").wait_for()
        assert len(httpx2.get(f"{address}/v1/runs").json()["data"]) == before - 1


@pytest.mark.slow
def test_a_token_is_asked_for_and_sent_with_everything(chromium, tmp_path):
    problems = []
    allowed = access("127.0.0.1", token_env="T", environment={"T": TOKEN})
    with served(tmp_path, allowed=allowed) as address, page_of(chromium, address, problems=problems) as page:
        page.locator("#token").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("That was not the token").wait_for()
        assert violations(page) == []
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        compose(page)
        run_button(page).click()
        assert video(page)[:2] == [256, 256]
        assert TOKEN not in page.content()
    assert all("401" in one for one in problems)


@pytest.mark.slow
def test_what_was_written_is_there_after_a_reload(chromium, address):
    with page_of(chromium, address) as page:
        compose(page)
        page.wait_for_timeout(1000)
        page.reload()
        page.locator("dd", has_text="12 frames").wait_for()
        assert page.input_value("#prompt") == "a volcano wakes up"


def test_the_page_is_part_of_the_package():
    assert {"index.html", "main.js", "tokens.css"} <= {path.name for path in Path(FILES).iterdir()}


@pytest.mark.slow
def test_what_is_typed_while_the_page_still_loads_stays(chromium, address):
    with page_of(chromium, address) as page:
        loading = []
        page.route("**/schema", lambda route: loading.append(route))
        page.reload()
        page.fill("#prompt", "a volcano wakes up")
        page.locator("dd", has_text="miniworld").wait_for()
        loading[-1].continue_()  # an earlier one is of the page before
        page.get_by_label("Frames", exact=True).wait_for()
        assert page.input_value("#prompt") == "a volcano wakes up"
