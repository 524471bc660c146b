"""The studio: a page of static files in the folder ``studio`` next to this module, served at ``/`` and below ``/studio/``."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

FILES = Path(__file__).with_name("studio")


def studio(app: FastAPI) -> None:
    """Serve the page. Its files say nothing of any job, so they need no token."""
    app.mount("/studio", StaticFiles(directory=FILES), name="studio")

    @app.get("/", include_in_schema=False)
    async def first() -> FileResponse:
        return FileResponse(FILES / "index.html", media_type="text/html", headers={"Cache-Control": "no-cache"})
