"""Every link of every page leads to a file, and to a heading of it. Headings that Sphinx makes are checked by ``make docs``."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    found = []
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower().strip()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{found.count(anchor)}")
    return found


def links(page):
    return LINK.findall(FENCE.sub("", (ROOT / page).read_text(encoding="utf-8")))


def faults(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        if not target.exists():
            yield f"{link}: no such file"
            continue
        written = anchor and target.suffix == ".md" and "{eval-rst}" not in target.read_text(encoding="utf-8")
        if written and anchor not in anchors(target.resolve().relative_to(ROOT)):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading(page):
    assert list(faults(page)) == []


def test_a_fault_is_found(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("# One `two`\n[x](a.md#one-two) [y](b.md) [z](#three)\n")
    monkeypatch.setattr("tests.docs.test_links.ROOT", tmp_path)
    assert list(faults("a.md")) == ["b.md: no such file", "#three: no such heading"]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_the_marks_of_a_merge(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"(<{7}|\|{7}|>{7}) |={7}$", line)] == []


def test_links_outside_are_encrypted():
    plain = {link for page in PAGES for link in links(page) if link.startswith("http://")}
    assert plain == set()
