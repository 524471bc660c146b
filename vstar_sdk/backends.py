"""For authors of LLM backends behind an HTTP API: what they need not build again.

A backend is any object with the two methods of `vstar_sdk.Backend`; nothing here is needed for one. See docs/llm-backends.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstar_sdk.llm.endpoint_options import EndpointOptions
from vstar_sdk.llm.faults import StatusError
from vstar_sdk.llm.schemas import closed_schema, with_schema
from vstar_sdk.llm.secrets import Secret, read_secret
from vstar_sdk.options import EnvName

if TYPE_CHECKING:
    from vstar_sdk.llm.endpoint import Endpoint

__all__ = ["Endpoint", "EndpointOptions", "EnvName", "Secret", "StatusError", "closed_schema", "read_secret", "with_schema"]


def __getattr__(name: str) -> Any:
    if name == "Endpoint":  # brings the HTTP library, which no plugin should load to be listed
        from vstar_sdk.llm.endpoint import Endpoint

        return Endpoint
    raise AttributeError(f"module 'vstar_sdk.backends' has no attribute '{name}'")
