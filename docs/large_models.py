"""Writes the tables of memory in ``getting-models.md``, as ``vstar plan`` estimates it. ``python -m docs.large_models``."""

from __future__ import annotations

from pathlib import Path

from vstar_sdk import load_spec
from vstar_sdk.runs.forecast import forecast
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.weights.outlines import outlined

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "getting-models.md"
BEGIN, END = "<!-- begin memory -->\n", "<!-- end memory -->"
PRESETS = (
    "videocrafter2/16-frames",
    "videocrafter2/64-frames",
    "modelscope/16-frames",
    "modelscope/zeroscope",
    "animatediff/16-frames",
    "wan/wan-2.1-1.3b",
    "wan/wan-2.2-ti2v-5b",
    "wan/wan-2.2-a14b",
    "skyreels/skyreels-v2-14b",
    "ltx/ltx-video",
    "ltx/ltx-2",
    "cogvideox/cogvideox-2b",
    "cogvideox/cogvideox-5b",
    "hunyuan15/hunyuan-1.5-480p",
    "mochi/mochi-1",
    "motif/motif-video-2b",
    "minimax-h3/minimax-h3",
    "kandinsky5/kandinsky-5-lite",
    "cosmos/cosmos-predict-2.5-2b",
)
"""The specs of the table, by their files below ``specs/``."""


def main() -> None:
    """Write the table into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")


def table() -> str:
    """A row for each preset, in bfloat16."""
    lines = [
        "| spec | frames, size | weights: text encoder, denoiser, decoder | peak | `offload: model` | `offload: group` |",
        "|---|---|---:|---:|---:|---:|",
        *(row(preset) for preset in PRESETS),
    ]
    return "\n" + "\n".join(lines) + "\n\n"


def row(preset: str) -> str:
    """One line of the table."""
    path = f"specs/{preset}.yaml"
    with outlined():
        plan = make_plan(load_spec(ROOT / path, overrides=["model.dtype=bfloat16"]))
        cost = forecast(plan)
    if cost.estimate is None:
        raise SystemExit(f"{preset} has no estimate")
    settings = plan.settings
    weights = ", ".join(_gib(cost.estimate.weights[part]) for part in ("text encoder", "denoiser", "decoder"))
    peaks = " | ".join(_gib(cost.peaks()[way]) for way in ("none", "model", "group"))
    return f"| [{preset}](../{path}) | {settings.frames}, {settings.width}x{settings.height} | {weights} | {peaks} |"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"


if __name__ == "__main__":
    main()
