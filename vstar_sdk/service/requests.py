"""Reading requests: forms and JSON as fields, specs as documents, keys and priorities."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from vstar_sdk.service.fields import PRIORITIES
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.orders import read_spec
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.spec.document import LARGEST, Document

REFERENCE = "input_reference"
_FORM = "multipart/form-data"
_YAML = frozenset(("application/yaml", "application/x-yaml", "text/yaml"))


@dataclass(frozen=True)
class Sent:
    """The body of ``POST /v1/videos``.

    Attributes:
        fields: by their names; of a form all are texts.
        picture: that was uploaded.
        fingerprint: of all that.
    """

    fields: Mapping[str, Any]
    picture: bytes | None
    fingerprint: str


async def read_video(request: Request, limits: Limits) -> Sent:
    """The fields of a request for a video.

    Raises:
        Refusal: the body is neither a form nor JSON, or wrong.
        SpecError: it is not well-formed JSON.
    """
    kind = _kind(request)
    if kind == "application/json":
        data = dict(read_spec(await request.body(), as_json=True).data)
        if REFERENCE in data:
            raise Refusal(
                400,
                f"{REFERENCE} must be an uploaded file; this service loads nothing from addresses",
                code="invalid_value",
                param=REFERENCE,
                hint="send a form (multipart/form-data) with the picture in it",
            )
        return Sent(data, None, _fingerprint("video", data, None))
    if kind != _FORM:
        raise Refusal(415, f"send {_FORM} or application/json", code="unsupported_media_type")
    return await _form(request, limits)


async def read_document(request: Request) -> tuple[Document, str]:
    """A whole spec, and its fingerprint.

    Raises:
        Refusal: the body is neither JSON nor YAML.
        SpecError: it is not well-formed.
    """
    kind = _kind(request)
    if kind != "application/json" and kind not in _YAML:
        raise Refusal(415, "send the spec as application/json or application/yaml", code="unsupported_media_type")
    content = await request.body()
    document = read_spec(content, as_json=kind == "application/json")
    return document, hashlib.sha256(b"run\n" + str(request.url.query).encode() + b"\n" + content).hexdigest()


def key_of(request: Request) -> str | None:
    """The ``Idempotency-Key`` of a request.

    Raises:
        Refusal: it is too long, or holds what cannot be seen.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Refusal(400, "an Idempotency-Key has 1 to 255 printable characters", code="invalid_value", param="Idempotency-Key")
    return key


def priority_of(request: Request) -> int:
    """The query's ``priority``; 0 without one.

    Raises:
        Refusal: it is no priority.
    """
    least, most = PRIORITIES
    text = request.query_params.get("priority", "0")
    if not re.fullmatch("-?[0-9]{1,3}", text) or not least <= int(text) <= most:
        raise Refusal(400, f"priority: a whole number from {least} to {most}", code="invalid_value", param="priority")
    return int(text)


async def _form(request: Request, limits: Limits) -> Sent:
    fields: dict[str, Any] = {}
    picture: bytes | None = None
    async with request.form(max_files=1, max_fields=64, max_part_size=LARGEST) as form:
        for name, value in form.multi_items():
            if name in fields or (name == REFERENCE and picture is not None):
                raise Refusal(400, f"{name[:100]} was sent twice", code="invalid_value", param=name[:100])
            if not isinstance(value, UploadFile):
                fields[name] = value
            elif name == REFERENCE:
                picture = await value.read(limits.upload + 1)
            else:
                raise Refusal(400, f"{name[:100]} takes no file", code="invalid_value", param=name[:100])
    if REFERENCE in fields:
        raise Refusal(
            400,
            f"{REFERENCE} must be an uploaded file; this service loads nothing from addresses",
            code="invalid_value",
            param=REFERENCE,
        )
    return Sent(fields, picture, _fingerprint("video", fields, picture))


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _fingerprint(what: str, fields: Mapping[str, Any], picture: bytes | None) -> str:
    written = json.dumps(fields, sort_keys=True, default=str).encode()
    return hashlib.sha256(b"\n".join((what.encode(), written, hashlib.sha256(picture or b"").digest()))).hexdigest()
