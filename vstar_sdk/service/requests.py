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
from vstar_sdk.service.uploads import KEYS, REFERENCE
from vstar_sdk.spec.document import LARGEST, Document

_FORM = "multipart/form-data"
_SPEC = "spec"
_YAML = frozenset(("application/yaml", "application/x-yaml", "text/yaml"))


@dataclass(frozen=True)
class Sent:
    """The body of ``POST /v1/videos``.

    Attributes:
        fields: by their names; of a form all are texts.
        uploads: that it came with: `REFERENCE`, or none.
        fingerprint: of all that.
    """

    fields: Mapping[str, Any]
    uploads: Mapping[str, bytes]
    fingerprint: str


@dataclass(frozen=True)
class SentSpec:
    """The body of ``POST /v1/runs`` and its like.

    Attributes:
        document: the spec.
        uploads: by the keys of ``start`` that they are for; see `vstar_sdk.service.uploads.KEYS`.
        fingerprint: of all that.
    """

    document: Document
    uploads: Mapping[str, bytes]
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
                hint="send a form (multipart/form-data) with the picture or video in it",
            )
        return Sent(data, {}, _fingerprint("video", data, {}))
    if kind != _FORM:
        raise Refusal(415, f"send {_FORM} or application/json", code="unsupported_media_type")
    fields, uploads = await _form(request, limits, (REFERENCE,))
    return Sent(fields, uploads, _fingerprint("video", fields, uploads))


async def read_sent_spec(request: Request, limits: Limits) -> SentSpec:
    """A whole spec; in a form, with what it begins or ends with.

    Raises:
        Refusal: the body is neither a form nor JSON nor YAML, or the form is wrong.
        SpecError: the spec is not well-formed.
    """
    if _kind(request) != _FORM:
        document, content = await _spec(request)
        return SentSpec(document, {}, _fingerprint(f"run {request.url.query}", content, {}))
    fields, uploads = await _form(request, limits, KEYS)
    if {*fields} != {_SPEC}:
        hint = f"send the field {_SPEC} (JSON), and files as {', '.join(KEYS)}"
        raise Refusal(400, f"a form has the field {_SPEC} and no other", code="invalid_value", param=_SPEC, hint=hint)
    document = read_spec(fields[_SPEC].encode(), as_json=True)
    return SentSpec(document, uploads, _fingerprint(f"run {request.url.query}", fields, uploads))


async def read_document(request: Request) -> Document:
    """A whole spec.

    Raises:
        Refusal: the body is neither JSON nor YAML.
        SpecError: it is not well-formed.
    """
    return (await _spec(request))[0]


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


async def _spec(request: Request) -> tuple[Document, str]:
    kind = _kind(request)
    if kind != "application/json" and kind not in _YAML:
        raise Refusal(415, "send the spec as application/json or application/yaml", code="unsupported_media_type")
    content = await request.body()
    return read_spec(content, as_json=kind == "application/json"), hashlib.sha256(content).hexdigest()


async def _form(request: Request, limits: Limits, names: tuple[str, ...]) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields of a form, and its files, which have one of some names."""
    fields: dict[str, str] = {}
    uploads: dict[str, bytes] = {}
    async with request.form(max_files=len(names), max_fields=64, max_part_size=LARGEST) as form:
        for name, value in form.multi_items():
            if name in fields or name in uploads:
                raise Refusal(400, f"{name[:100]} was sent twice", code="invalid_value", param=name[:100])
            if not isinstance(value, UploadFile):
                fields[name] = value
            elif name in names:
                uploads[name] = await value.read(limits.upload + 1)
            else:
                raise Refusal(400, f"{name[:100]} takes no file", code="invalid_value", param=name[:100])
    for name in names:
        if name in fields:
            message = f"{name} must be an uploaded file; this service loads nothing from addresses"
            raise Refusal(400, message, code="invalid_value", param=name)
    return fields, uploads


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _fingerprint(what: str, sent: object, uploads: Mapping[str, bytes]) -> str:
    files = {name: hashlib.sha256(content).hexdigest() for name, content in uploads.items()}
    return hashlib.sha256(json.dumps([what, sent, files], sort_keys=True, default=str).encode()).hexdigest()
