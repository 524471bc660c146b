"""The pictures of docs/studio.md: a story in the studio, in a real browser, at two widths and in two themes.

``python -m docs.studio_pictures`` needs the extras ``dev`` and ``server``, and Chromium on the machine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from tests.service.conftest import served
from tests.service.studio_browser import browser, compose, drag, page_of, run_button, video
from vstar_sdk import Guard

IMAGES = Path(__file__).with_name("images")
STEPS, FRAMES = 12, 24


def main() -> None:
    """Write ``images/studio-*.webp``."""
    guard = Guard(plugins=("longvideo",))
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), guard=guard) as address, browser() as opened:
        with page_of(opened, address) as page:
            compose(page, frames=FRAMES, steps=STEPS)
            drag(page, 1, 13, FRAMES)
            page.get_by_label("Add to regularizers").select_option("longvideo/ultravico")
            page.locator("#parts").get_by_label("Factor").fill("0.8")
            page.locator("dd", has_text="tar, longvideo/ultravico").wait_for()
            run_button(page).click()
            video(page)
            begin = Path(folder) / "morning.jpg"
            run = httpx2.get(f"{address}/v1/runs").json()["data"][0]["id"]
            begin.write_bytes(httpx2.get(f"{address}/v1/videos/{run}/content?variant=thumbnail").content)
            page.get_by_label("Begins with: choose a picture or a video").set_input_files(begin)
            page.locator("dd", has_text="first: frame 0").wait_for()
            run_button(page).click()
            page.locator("#stage canvas").wait_for()
            video(page)
        for width, height in ((1280, 900), (390, 1560)):
            for theme in ("light", "dark"):
                with page_of(opened, address, width=width, height=height, theme=theme) as page:
                    _show(page)
                    _write(page.screenshot(), f"studio-{width}-{theme}")


def _show(page: Any) -> None:
    """The finished run on the stage, and its spec in the editor."""
    page.get_by_role("button", name="Edit").first.click()
    video(page)
    page.locator("#stage video").evaluate(
        "video => new Promise(done => { video.addEventListener('seeked', done, {once: true});"
        " video.currentTime = 0.7 * video.duration; })"
    )
    page.locator("dd", has_text="about").wait_for()
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, 0)")


def _write(png: bytes, name: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(png)
        file.flush()
        Image.open(file.name).convert("RGB").save(IMAGES / f"{name}.webp", quality=88, method=6)


if __name__ == "__main__":
    main()
