"""Makes the README's picture: the plain run of a prompt above the demo's, same seed. ``python -m docs.pictures``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from vstar_sdk import Session, load_spec

HERE = Path(__file__).parent
SHEET = [{"use": "contact-sheet", "count": 8}]


def main() -> None:
    """Write ``docs/images/demo.png``."""
    demo = load_spec(HERE.parent / "specs" / "demo.yaml").spec
    plain = {
        "prompt": f"plain: {demo.prompt}",
        "frames": 64,
        "seed": demo.seed,
        "synopsis": {"use": "states", "states": [demo.prompt]},
        "regularizers": [],
        "output": SHEET,
    }
    nursed = demo.model_dump(mode="json") | {"output": SHEET}
    with tempfile.TemporaryDirectory() as folder, Session() as session:
        sheets = []
        for name, spec in (("plain", plain), ("nursed", nursed)):
            result = session.run(spec, out=Path(folder) / name)
            sheets.append(Image.open(result.artifacts[0]).convert("RGB"))
        width = max(sheet.width for sheet in sheets)
        both = Image.new("RGB", (width, sum(sheet.height for sheet in sheets)), sheets[0].getpixel((0, 0)))
        top = 0
        for sheet in sheets:
            both.paste(sheet, (0, top))
            top += sheet.height
        both.save(HERE / "images" / "demo.png", optimize=True)


if __name__ == "__main__":
    main()
