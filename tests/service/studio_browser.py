"""A real browser for the studio's tests: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000
"""Milliseconds that a test waits for something, at most: machines that run tests are busy."""


@contextmanager
def browser():
    """The browser; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'vstar-sdk[dev]'")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def page_of(opened, address, *, width=1280, height=900, theme="light", problems=None):
    """A page at an address. What it writes to its console, and what it asks of other hosts, is a problem."""
    found = [] if problems is None else problems
    context = opened.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce", accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: found.append(message.text) if _matters(message) else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((address, "blob:")) else found.append(asked.url))
    try:
        page.goto(f"{address}/")
        yield page
    finally:
        context.close()
    if problems is None:
        assert found == []


def _matters(message):
    """Whether a message is a problem; a preview that is asked for as its run ends is none."""
    return message.type in ("error", "warning") and not message.location["url"].endswith("/preview")


def violations(page):
    """What axe-core finds serious or worse in the page as it is now."""
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(f"{script}\n;0")
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    return [
        (one["id"], one["impact"], [node["html"] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def run_button(page):
    return page.get_by_role("button", name="Run", exact=True)


def compose(page, prompt="a volcano wakes up", frames=12, steps=2):
    """Write a small story, and wait for its plan."""
    page.fill("#prompt", prompt)
    page.get_by_label("Frames", exact=True).fill(str(frames))
    page.click("#tab-options")
    page.locator("details[data-key=sampling] summary").click()
    page.get_by_label("Steps", exact=True).fill(str(steps))
    page.click("#tab-parts")
    page.locator("dd", has_text=f"{frames} frames").wait_for()
    page.locator("dd", has_text=f"{steps} steps").wait_for()


def drag(page, anchor, frame, frames):
    """Drag an anchor to the middle of a frame."""
    handle, track = page.locator(f"#anchor-{anchor}").bounding_box(), page.locator(".track").bounding_box()
    middle = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * (frame + 0.5) / frames, middle, steps=4)
    page.mouse.up()


def video(page):
    """Wait until a finished video has been decoded; its size."""
    page.wait_for_selector("#stage video")
    return page.locator("#stage video").evaluate(
        "video => new Promise(done => { const told = () => done([video.videoWidth, video.videoHeight, video.duration]);"
        " video.readyState >= 2 ? told() : video.addEventListener('loadeddata', told); })"
    )
