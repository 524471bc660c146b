"""Networks and configurations made from what ``config.json`` holds; their libraries leave the types of that open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from diffusers.configuration_utils import ConfigMixin
from transformers import PreTrainedConfig

N = TypeVar("N", bound=ConfigMixin)
C = TypeVar("C", bound=PreTrainedConfig)


def network_from(kind: type[N], config: Mapping[str, Any]) -> N:
    """A network of diffusers, with whatever weights it is built with.

    Args:
        kind: its class.
        config: the file's content.
    """
    library: Any = kind
    return library.from_config({**config})


def text_config_from(kind: type[C], config: Mapping[str, Any]) -> C:
    """The configuration of a text encoder of transformers.

    Args:
        kind: its class.
        config: the file's content.
    """
    library: Any = kind
    return library.from_dict({**config})
