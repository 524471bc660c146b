"""What the service answers when it does not do what it was asked: in the form of OpenAI's errors, with a hint."""

from __future__ import annotations

from typing import Any

from vstar_sdk.errors import OutputError, VstarError, hint_of, message_of
from vstar_sdk.reading.discreet import discreet


class Refusal(Exception):
    """A request that is answered by an error.

    Args:
        status: of HTTP.
        message: what is wrong.
        code: the same for programs, such as ``queue_full``.
        param: the field at fault.
        hint: the remedy.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.hint = hint
        self.headers = headers or {}

    def json(self) -> dict[str, Any]:
        """The body of the answer."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {"message": self.message, "type": kind, "param": self.param, "code": self.code, "hint": self.hint},
        }


def absent(what: str) -> Refusal:
    """Something that is not there, or not any more."""
    return Refusal(404, f"there is no {what}", code="not_found", hint="it may have been deleted")


def of_error(error: VstarError) -> Refusal:
    """The refusal of a request whose spec is wrong; paths of this machine do not leave it."""
    told = told_error(error)
    status = 507 if isinstance(error, OutputError) else 400 if error.exit_code in (2, 3) else 422
    return Refusal(status, told["message"], code=told["code"], hint=told["hint"])


def told_error(error: BaseException) -> dict[str, Any]:
    """An error for whoever is not at this machine: ``code``, ``message`` and ``hint``, without paths, names and secrets."""
    hint = hint_of(error)
    return {
        "code": _CODES.get(type(error).__name__, "run_failed" if isinstance(error, VstarError) else "server_error"),
        "message": discreet(message_of(error)),
        "hint": discreet(hint) if hint else None,
    }


_CODES = {
    "SpecError": "invalid_spec",
    "TemplateError": "invalid_spec",
    "PluginError": "plugin_failed",
    "MissingDependency": "not_installed",
    "BackendError": "language_model_failed",
    "ModelError": "model_failed",
    "SamplerError": "sampling_failed",
    "OutputError": "output_failed",
    "ExpectationError": "not_as_expected",
    "RunCancelled": "cancelled",
}
