"""Pipelines that attach cannot nurse, each refused by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from torch import nn

from vstar_sdk.attaching.captions import Bringing
from vstar_sdk.errors import ModelError
from vstar_sdk.models.family import Family
from vstar_sdk.models.one_text import NO_STATES, REASON, REMEDY


def _holds(denoiser: nn.Module, word: str) -> bool:
    """Whether an attention processor's class has a word in its name."""
    return any(word in type(getattr(module, "processor", None)).__name__ for module in denoiser.modules())


def _fused(pipe: Any, denoiser: nn.Module) -> bool:
    del pipe
    return _holds(denoiser, "Fused")


def _sliced(pipe: Any, denoiser: nn.Module) -> bool:
    del pipe
    return _holds(denoiser, "Sliced")


def _free_noise(pipe: Any, denoiser: nn.Module) -> bool:
    blocks = any(type(module).__name__ == "FreeNoiseTransformerBlock" for module in denoiser.modules())
    return blocks or getattr(pipe, "free_noise_enabled", False)


def _compiled(pipe: Any, denoiser: nn.Module) -> bool:
    del pipe
    return denoiser._compiled_call_impl is not None  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]


def _perturbed(pipe: Any, denoiser: nn.Module) -> bool:
    del denoiser
    kind = cast(Any, type(pipe))  # the class, because before the first call the value cannot be read
    return hasattr(kind, "do_perturbed_attention_guidance")


def _skipping_guider(pipe: Any, denoiser: nn.Module) -> bool:
    """Whether a guider changes the network around some of its calls, rather than the text alone."""
    del denoiser
    kinds = type(getattr(pipe, "guider", None)).__mro__
    return any("prepare_models" in vars(kind) for kind in kinds if kind.__name__ != "BaseGuidance")


_REFUSALS: Mapping[str, tuple[Callable[[Any, nn.Module], bool], str]] = {
    "fused projections": (_fused, "call unfuse_qkv_projections() of the pipeline's denoiser first"),
    "sliced attention": (_sliced, "call pipe.disable_attention_slicing() first"),
    "FreeNoise": (_free_noise, "call pipe.disable_free_noise() first: it attends in windows of the clip"),
    "perturbed attention guidance": (
        _perturbed,
        "use the pipeline without it, such as AnimateDiffPipeline.from_pipe(pipe): it replaces attention processors itself",
    ),
    "a guider that changes its layers": (
        _skipping_guider,
        "use a guider that only compares texts, such as ClassifierFreeGuidance: this one skips regularized layers",
    ),
    "a denoiser compiled as a whole": (
        _compiled,
        "remove compile(): attach sets the text and the step in hooks around the denoiser",
    ),
}


def refuse(pipe: Any, name: str, denoiser: nn.Module) -> None:
    """Refuse what would be lost, or computed otherwise than a regularizer sees it.

    Args:
        pipe: the pipeline.
        name: of its component.
        denoiser: the component.

    Raises:
        ModelError: it has something that attach does not support; named, with the remedy.
    """
    for what, (found, remedy) in _REFUSALS.items():
        if found(pipe, denoiser):
            raise ModelError(f"the pipeline's {name} has {what}, which attach does not support", hint=remedy)


def refuse_cache(name: str, denoiser: nn.Module, regularizers: Sequence[object]) -> None:
    """Refuse a cache, which leaves out what regularizers change.

    Args:
        name: of the pipeline's component.
        denoiser: the component.
        regularizers: of the block.

    Raises:
        ModelError: there are some, and the denoiser has a cache.
    """
    if regularizers and getattr(denoiser, "is_cache_enabled", False):
        raise ModelError(
            f"the pipeline's {name} has a cache, which would skip regularizers: what it leaves out is that of an earlier step",
            hint=f"call pipe.{name}.disable_cache() first",
        )


def check_parallel(name: str, denoiser: Any, family: Family, *, synopsis: bool) -> None:
    """Refuse context parallelism under which a regularizer or a synopsis would not be exact.

    Args:
        name: of the component.
        denoiser: the component.
        family: of it.
        synopsis: whether frames get a text of their own.

    Raises:
        ModelError: it is of such a kind, or the family's processors do not take part in it.
    """
    config = getattr(denoiser, "_parallel_config", None)
    if config is None:
        return
    if not family.parallel:
        raise ModelError(
            f"the pipeline's {name} has context parallelism, which attach does not support on it",
            hint="run the denoiser on one device",
        )
    from vstar_sdk.models.diffusers.parallel import inexact

    if why := inexact(config):
        raise ModelError(f"the pipeline's {name} has {why[0]}", hint=why[1])
    if synopsis and not family.parallel_text:
        raise ModelError(
            f"the pipeline's {name} has context parallelism that shares the text too, so that no frame can read its own",
            hint="omit the synopsis; or make the video by a spec with model.ulysses, which keeps the text whole",
        )


def check_text(pipe: Any, names: set[str], family: Family) -> None:
    """Refuse a synopsis for a pipeline whose text is not read by its family's encoder and its denoisers alone.

    Args:
        pipe: the pipeline.
        names: of its denoisers.
        family: of these.

    Raises:
        ModelError: another network than the denoiser reads the prompt, too.
    """
    known = family.companions | names
    others = [name for name, part in pipe.components.items() if isinstance(part, nn.Module) and name not in known]
    if others:
        raise ModelError(
            f"{type(pipe).__name__} has a {others[0]} too, which would still read the pipeline's prompt",
            hint="omit the synopsis, or use a pipeline with one text encoder and no ControlNet",
        )


def check_states(pipe: Any, prompts: Collection[str], bringing: Bringing, families: Mapping[str, Family]) -> None:
    """Refuse key states that a pipeline's frames cannot read as the text part says.

    Args:
        pipe: the pipeline.
        prompts: of the key states.
        bringing: the text part.
        families: of the pipeline's denoisers, by name.

    Raises:
        ModelError: frames are to read the text of all states, and read one embedding each; or the states differ, and all frames
            read one text.
    """
    name, different, reads = type(pipe).__name__, len({*prompts}), bringing.part.reads
    for component, family in families.items():
        if reads == "states" and not family.text_sites(pipe.components[component].config):
            raise ModelError(
                f"{name} cannot follow {bringing.name}: its frames read one embedding each, not the text of all states",
                hint=NO_STATES,
            )
        if reads == "frames" and family.one_text and different > 1:
            raise ModelError(f"{name} does not support {different} different states: {REASON}", hint=REMEDY)
