"""docs/longvideo.md: its spec is valid, and its table of combinations is what happens."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml

from vstar_sdk import Clock, RotaryPositions, SiteAddress, SpecError, load_spec
from vstar_sdk.testing.regularizers import attend

PAGE = (Path(__file__).parents[3] / "docs" / "longvideo.md").read_text(encoding="utf-8")
ROTARY = RotaryPositions((1.0, 0.5, 0.25))
SITE = SiteAddress("blocks.0.attn", "down", 0, 2, 8, rotary=ROTARY)
JOINT = SiteAddress("blocks.0.attn", "stack", 0, 2, 8, kind="joint", index=0, rotary=ROTARY)
FRAMES = 16

WRITTEN = {
    "tar": {"sigma": 1},
    "window": {"radius": 4},
    "alibi": {},
    "temperature": {"scale": 1.5},
    "identity": {"weight": 0.5},
    "longvideo/freenoise": {"size": 6, "stride": 2},
    "longvideo/freelong": {"trained_frames": 6, "windows": [1, 2]},
    "longvideo/enhance": {},
    "longvideo/riflex": {"frequency": 2},
    "longvideo/speed": {"factor": 0.5},
    "longvideo/ultravico": {"trained_frames": 12},
    "longvideo/first-frame": {},
    "longvideo/off-diagonal": {},
    "longvideo/profile": {"sigma": 1},
    "longvideo/loop": {"sigma": 1},
}
"""Options with which each acts in every step of 16 frames."""


def table():
    """Why one is refused beside another, by their names in the order of the spec."""
    refused = {}
    for one, order, other, why in re.findall(r"^\| `([\w/-]+)` \| (before )?`([\w/-]+)` \| ([^|]+) \|$", PAGE, re.MULTILINE):
        refused[one, other] = why
        if not order:
            refused[other, one] = why
    return refused


REFUSED = table()
MODELS = re.findall(r"^\| (?:regularizer )?\[`([\w/-]+)`\].* \| (R|all) \|$", PAGE, re.MULTILINE)
"""The regularizers, and the models that the page says they are for."""


@cache
def all_made():
    """Every regularizer as a run has it, by name."""
    loaded = load_spec({"prompt": "a landscape", "regularizers": [written(name) for name in WRITTEN]})
    return dict(zip(WRITTEN, (loaded.catalog.make("regularizers", one) for one in loaded.spec.regularizers), strict=True))


def written(name, **more):
    return {"use": name, "window": [0, 1], **WRITTEN[name], **more}


def made(name, **more):
    """One regularizer with other options."""
    loaded = load_spec({"prompt": "a landscape", "regularizers": [written(name, **more)]})
    return loaded.catalog.make("regularizers", loaded.spec.regularizers[0])


def attended(attention, regularizers, site=SITE):
    given = attention(FRAMES, positions=4, head_dim=8).qkv
    if site.kind == "joint":  # the same tokens in one sequence
        given = (x.permute(1, 2, 0, 3).flatten(1, 2)[None] for x in given)
    return attend(regularizers, *given, site=site, clock=Clock(FRAMES, 8.0), height=2, width=2)


def test_the_table_names_parts_that_there_are():
    assert {name for pair in REFUSED for name in pair} <= WRITTEN.keys()
    assert len(REFUSED) > 15
    assert {name for name, _ in MODELS} == {name for name in WRITTEN if "/" in name}


@pytest.mark.parametrize("name", [name for name in WRITTEN if "/" in name])
def test_in_half_precision_the_output_has_its_type_and_is_about_the_same(attention, name):
    given = attention(FRAMES, positions=4, head_dim=8)
    layout = {"site": SITE, "height": 2, "width": 2}
    half = attend([all_made()[name]], *(x.bfloat16() for x in given.qkv), **layout)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), attend([all_made()[name]], *given.qkv, **layout), atol=0.06, rtol=0.06)


@pytest.mark.parametrize("site", [SITE, JOINT], ids=lambda site: site.kind)
@pytest.mark.parametrize(("one", "other"), [pair for pair in product(WRITTEN, WRITTEN) if any("/" in name for name in pair)])
def test_a_pair_runs_or_is_refused_as_the_table_says(attention, one, other, site):
    regularizers = [all_made()[name] for name in (one, other)]
    if (one, other) in REFUSED:
        with pytest.raises(SpecError, match=re.escape(REFUSED[one, other])) as caught:
            attended(attention, regularizers, site)
        assert caught.value.hint
        assert caught.value.path[0] == "regularizers"
    else:
        together = attended(attention, regularizers, site)
        assert bool(torch.isfinite(together).all())
        for alone in regularizers:
            assert not torch.equal(together, attended(attention, [alone], site))


def test_what_is_refused_in_one_window_runs_in_two(attention):
    windows, bands = made("longvideo/freenoise", window=[0, 0.5]), made("longvideo/freelong", window=[0.5, 1])
    assert torch.equal(attended(attention, [windows, bands]), attended(attention, [windows]))


def test_the_seam_of_a_loop_goes_with_tar(attention):
    seam = [all_made()["tar"], made("longvideo/loop", band="seam")]
    torch.testing.assert_close(attended(attention, seam), attended(attention, [all_made()["longvideo/loop"]]))


def test_long_windows_go_with_ultravico(attention):
    out = attended(attention, [all_made()["longvideo/freenoise"], made("longvideo/ultravico", trained_frames=6)])
    assert bool(torch.isfinite(out).all())


def test_where_no_rotary_positions_are_known_only_those_run_that_need_none(attention):
    for site in (SITE, JOINT):
        for name, models in MODELS:
            plain = replace(site, rotary=None)
            if models == "R":
                with pytest.raises(SpecError, match="has no rotary positions over frames that the model describes"):
                    attended(attention, [all_made()[name]], plain)
            else:
                assert bool(attended(attention, [all_made()[name]], plain).isfinite().all())


@pytest.mark.parametrize("text", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_the_specs_of_the_page_are_valid(session, text):
    session.plan(load_spec(yaml.safe_load(text)))


def test_the_page_names_every_part():
    catalog = load_spec({"prompt": "a landscape", "regularizers": [{"use": "longvideo/enhance"}]}).catalog
    kinds = ("regularizers", "noises", "samplers", "synopses")
    names = [part.name for kind in kinds for part in catalog.parts(kind) if part.name.startswith("longvideo/")]
    assert len(names) == 14
    assert [name for name in names if f"`{name}`" not in PAGE] == []
