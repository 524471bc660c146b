"""The fields of ``POST /v1/videos``: those of OpenAI, and the extensions as vLLM-Omni names them, as a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from vstar_sdk.options import Options
from vstar_sdk.reading.escapes import printable
from vstar_sdk.service.refusals import Refusal

PRIORITIES = (-10, 10)


def _parsed(value: object) -> object:
    """A field of a form holds JSON as a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("must be a JSON object") from None


class VideoFields(Options):
    """What a request may say; everything that it leaves out is the model's own."""

    model_config = ConfigDict(strict=False)

    prompt: str = Field(min_length=1, max_length=10_000)
    """Text of the story."""
    model: str | None = Field(default=None, max_length=200)
    """One of `/v1/models`. Left out: the service's own."""
    seconds: float | None = Field(default=None, gt=0, le=3600)
    """Length of the clip."""
    size: str | None = Field(default=None, pattern=r"^[0-9]{1,5}x[0-9]{1,5}$", examples=["512x320"])
    """Width and height in pixels."""
    user: str | None = Field(default=None, max_length=200)
    """Accepted, and not used."""
    width: int | None = Field(default=None, gt=0, le=99_999)
    """Of the clip, in pixels; with `height`, in place of `size`."""
    height: int | None = Field(default=None, gt=0, le=99_999)
    """See `width`."""
    num_frames: int | None = Field(default=None, gt=0, le=1_000_000)
    """Frames of the clip, in place of `seconds`."""
    fps: float | None = Field(default=None, gt=0, le=240)
    """Frames a second."""
    num_inference_steps: int | None = Field(default=None, ge=1, le=1000)
    """Denoising steps."""
    guidance_scale: float | None = None
    """Scale of classifier-free guidance."""
    seed: int | None = Field(default=None, ge=0, lt=2**64)
    """The same seed gives the same video."""
    negative_prompt: str | None = Field(default=None, max_length=10_000)
    """What the clip should not show."""
    extra_params: Annotated[dict[str, Any] | None, BeforeValidator(_parsed)] = None
    """Other keys of a spec, such as `synopsis` or `regularizers`; in a form: as JSON."""
    priority: int = Field(default=0, ge=PRIORITIES[0], le=PRIORITIES[1])
    """Jobs of a higher one run first."""


_ELSEWHERE = {
    "image_reference": "upload a picture as the file input_reference; this service loads nothing from addresses",
    "video_reference": "upload a video as the file input_reference; this service loads nothing from addresses",
    "audio_reference": "this service loads nothing from addresses, and takes no sound",
    "control_reference": "this service has no control models",
    "control_type": "this service has no control models",
    "guidance_scale_2": "use extra_params: {sampling: {guidance: {use: ..., ...}}}",
    "true_cfg_scale": "use guidance_scale",
    "boundary_ratio": "the model's own is used",
    "flow_shift": "use extra_params: {sampling: {scheduler: {use: ..., ...}}}",
    "generate_sound": "no model of this service makes sound",
    "sound_duration": "no model of this service makes sound",
    "enable_frame_interpolation": "use extra_params: {finish: [{use: interpolate, ...}]}",
    "frame_interpolation_exp": "use extra_params: {finish: [{use: interpolate, ...}]}",
    "frame_interpolation_scale": "use extra_params: {finish: [{use: interpolate, ...}]}",
    "frame_interpolation_model_path": "use extra_params: {finish: [{use: interpolate, ...}]}",
    "lora": "use extra_params: {model: {loras: [...]}}, where the model has them",
}
"""Fields of vLLM-Omni that this service does not have, and what to do in their place."""


def read_fields(data: Mapping[str, Any]) -> VideoFields:
    """Validate the fields of a request.

    Args:
        data: as they were sent; in a form, all values are texts.

    Raises:
        Refusal: one is unknown, or wrong.
    """
    for name in data:
        if name in _ELSEWHERE:
            raise Refusal(400, f"{name} is not supported", code="unsupported_parameter", param=name, hint=_ELSEWHERE[name])
        if name not in VideoFields.model_fields:
            shown, known = printable(name[:100]), ", ".join(VideoFields.model_fields)
            message = f"there is no field '{shown}'"
            raise Refusal(400, message, code="unknown_parameter", param=shown, hint=f"fields are {known}")
    try:
        return VideoFields.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else None
        raise Refusal(400, f"{name}: {first['msg']}", code="invalid_value", param=name) from None


def spec_of(fields: VideoFields, bases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The spec that the fields describe, which writes an MP4 and a contact sheet.

    Args:
        fields: of the request.
        bases: specs by the names that requests may call models by.

    Raises:
        Refusal: two fields say the same thing.
    """
    extra = fields.extra_params or {}
    if "output" in extra:
        raise Refusal(
            400, "extra_params: output cannot be changed", code="invalid_value", param="extra_params", hint="use /v1/runs"
        )
    said = {
        "prompt": fields.prompt,
        "negative_prompt": fields.negative_prompt,
        "frames": _one(
            "num_frames", fields.num_frames, "seconds", f"{fields.seconds:g}s" if fields.seconds is not None else None
        ),
        "size": _one("size", fields.size, "width", _size(fields)),
        "fps": fields.fps,
        "seed": fields.seed,
    }
    sampling = {"steps": fields.num_inference_steps, "guidance": fields.guidance_scale}
    spec: dict[str, Any] = {}
    if fields.model is not None:
        spec = dict(bases.get(fields.model, {"model": {"use": fields.model}}))
    elif bases:
        spec = dict(next(iter(bases.values())))
    spec = _over(spec, extra)
    spec = _over(spec, {name: value for name, value in said.items() if value is not None})
    spec = _over(spec, {"sampling": {name: value for name, value in sampling.items() if value is not None}})
    return spec | {"output": [{"use": "mp4"}, {"use": "contact-sheet"}]}


def _size(fields: VideoFields) -> str | None:
    if fields.width is None and fields.height is None:
        return None
    if fields.width is None or fields.height is None:
        raise Refusal(400, "width and height belong together", code="invalid_value", param="width")
    return f"{fields.width}x{fields.height}"


def _one(name: str, value: Any, other: str, same: Any) -> Any:
    if value is not None and same is not None:
        raise Refusal(400, f"{name} and {other} say the same thing: send one of them", code="invalid_value", param=other)
    return same if value is None else value


def _over(spec: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with more keys; mappings are merged, all else is replaced."""
    merged = dict(spec)
    for key, value in more.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _over(cast(Mapping[str, Any], below), cast(Mapping[str, Any], value))
        else:
            merged[key] = value
    return merged
