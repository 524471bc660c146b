"""The place of the studio page: static files in the folder ``studio`` next to this module, served at ``/`` and ``/studio/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

FILES = Path(__file__).with_name("studio")


def studio(app: FastAPI) -> None:
    """Serve the page where its files are installed; without them ``/`` says where everything else is."""
    page = FILES / "index.html"
    if page.is_file():
        app.mount("/studio", StaticFiles(directory=FILES), name="studio")

    @app.get("/", include_in_schema=False)
    async def first() -> Response:
        if page.is_file():
            return FileResponse(page, media_type="text/html")
        return JSONResponse(_places())


def _places() -> dict[str, Any]:
    return {"videos": "/v1/videos", "runs": "/v1/runs", "models": "/v1/models", "schema": "/schema", "openapi": "/openapi.json"}
