"""Finding a model that a spec names by a path or a hub id. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from vstar_sdk.errors import ModelError, VstarError
from vstar_sdk.reach import HUB_ID, is_path
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.outlines import outline

CONFIGURATION = ("*.json",)
"""Patterns of the files that say what a model is: a few kilobytes."""

WEIGHTS = ("*.json", "*.safetensors", "*.txt")
"""Patterns of the files that a pipeline directory is loaded from: no pickle, no code."""

UNET_WEIGHTS = (
    *CONFIGURATION,
    "tokenizer/*.txt",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
)
"""Patterns of the files of a pipeline with one U-Net; its repositories hold other copies of the weights next to them."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


def _commit(revision: str) -> str:
    if not _COMMIT.fullmatch(revision):
        raise ValueError("write the 40 hexadecimal digits of a commit: branches and tags can change")
    return revision


Commit = Annotated[str, AfterValidator(_commit)]
"""A field that pins a hub id: the full hash of a commit."""


class NotGiven(VstarError):
    """The hub did not give what it was asked for; the message is the reason alone, for the caller to say of what."""


def local_path(reference: str) -> Path | None:
    """The path that a reference is, with ``~`` for the home folder; None when nothing is there.

    Raises:
        ModelError: whether it is there cannot be told: a folder may not be entered, or a user has no home.
    """
    try:
        path = Path(reference).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{reference}: cannot be looked at: {reason}", hint="check the path and who may read it") from None


def find_model(
    reference: str, revision: str | None, resolver: Resolver, patterns: Sequence[str], *, key: str = "model.revision"
) -> Path:
    """The local folder or file of a model: a path first, then what a plugin knows, then the hub.

    Plugins (``resolve_asset``) are asked for ``ID``, or for ``ID@REVISION`` where the spec has a revision: the same id at
    another revision is another model.

    Args:
        reference: a path (relative to the folder that the program runs in), or a hub id.
        revision: the commit of a hub id, all 40 digits.
        resolver: asks the run's plugins.
        patterns: of the files that are wanted of a hub id now, such as `CONFIGURATION`; what is here already stays.
        key: where the spec has the revision, for messages.

    Raises:
        ModelError: there is no such path, the hub id has no revision, or the hub does not give it.
        PluginError: a plugin failed while it was asked.
    """
    local = local_path(reference)
    if is_path(reference) or (revision is None and local is not None):
        if revision is not None:
            raise ModelError(f"{reference} is a path, so it has no revision", hint=f"remove {key}, or use a hub id")
        if local is None:
            if kept := outline(reference, patterns):
                return kept
            raise ModelError(
                f"{reference}: there is no such folder or file",
                hint="check the path" + ("" if Path(reference).is_absolute() else f": it is relative to {Path.cwd()}"),
            )
        return local
    if known := resolver.asset(reference if revision is None else f"{reference}@{revision}"):
        return known
    if not HUB_ID.fullmatch(reference):
        raise ModelError(
            f"'{reference}' is neither a path that exists here nor a hub id",
            hint="use the path of a folder or file, or a hub id such as ali-vilab/text-to-video-ms-1.7b",
        )
    if revision is None:
        if kept := outline(reference, patterns):
            return kept
        raise ModelError(
            f"'{reference}' is not a path here, and a hub id needs a revision: its files can change",
            hint=f"write {key}: with the 40 hexadecimal digits of a commit, from https://huggingface.co/{reference}/commits/main",
        )
    try:
        return snapshot(reference, revision, patterns)
    except NotGiven as refused:
        if kept := outline(reference, patterns):
            return kept
        hint = refused.hint or f"download it once (hf download {reference} --revision {revision}), or use a folder"
        raise ModelError(
            f"the hub does not provide the model '{reference}' at {revision[:12]}: {refused.message}", hint=hint
        ) from None


def snapshot(reference: str, revision: str | None, allow: Sequence[str], ignore: Sequence[str] = ()) -> Path:
    """The folder of a hub repository, its wanted files downloaded unless they are here.

    Args:
        reference: its hub id.
        revision: branch, tag or commit; None for the newest.
        allow: patterns of the files that are wanted.
        ignore: patterns of those that are not, although they match.

    Raises:
        NotGiven: with the reason, and the remedy where the hub is not merely out of reach.
    """
    from huggingface_hub import snapshot_download  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(reference, revision=revision, allow_patterns=[*allow], ignore_patterns=[*ignore]))
    except GatedRepoError:
        problem, hint = "access requires that you accept its terms", "accept them on its page, then: hf auth login"
    except RevisionNotFoundError:
        problem, hint = "there is no such revision", "check the revision"
    except (RepositoryNotFoundError, HFValidationError):
        problem, hint = "there is no such model, or you may not see it", "check the name, or: hf auth login"
    except LocalEntryNotFoundError:
        problem, hint = "it is not on this machine, and the hub is not reachable", None
    except (HfHubHTTPError, OSError) as error:
        problem, hint = " ".join(str(error).split())[:300], None
    raise NotGiven(problem, hint=hint)
