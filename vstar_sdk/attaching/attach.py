"""``attach``: regularizers and a synopsis for a diffusers pipeline that the caller holds."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import nn

from vstar_sdk.attaching.arguments import Written, read
from vstar_sdk.attaching.attached import Attached, check_unattached
from vstar_sdk.attaching.captions import Captions
from vstar_sdk.attaching.refusals import check_parallel, check_states, check_text, refuse, refuse_cache
from vstar_sdk.attaching.run_memories import RunMemories
from vstar_sdk.errors import ModelError
from vstar_sdk.models.unsuited import reason
from vstar_sdk.options import Options
from vstar_sdk.plugin.families import Families
from vstar_sdk.regularizers.contract import Regularizer
from vstar_sdk.texts.contract import Text
from vstar_sdk.timeline import Interpolation


@contextmanager
def attach(
    pipe: Any,
    regularizers: Sequence[Regularizer | Options | Mapping[str, Any] | str] | None = None,
    synopsis: Written | None = None,
    *,
    interpolation: Interpolation = "linear",
    timeline: str | Mapping[str, Any] | Text | None = None,
    fps: float = 8.0,
    plugins: Iterable[object] = (),
    fused: bool = False,
) -> Generator[None]:
    """While it is open, a diffusers pipeline that you hold is nursed; afterwards it is exactly as it was.

    ::

        with vstar_sdk.attach(pipe, regularizers=[{"use": "tar", "sigma": {0: 1}}], synopsis=["a bud", "a flower"]):
            video = pipe("a flower", num_frames=16)

    The pipeline is called as always, any number of times and with any number of frames. Its denoiser is of a class that a
    `Family` knows: ``UNet3DConditionModel`` (ModelScope, ZeroScope), ``UNetMotionModel`` (AnimateDiff),
    ``WanTransformer3DModel`` (Wan 2.1 and 2.2), ``SkyReelsV2Transformer3DModel``, ``LTXVideoTransformer3DModel``,
    ``LTX2VideoTransformer3DModel``, ``CogVideoXTransformer3DModel``, ``HunyuanVideo15Transformer3DModel``,
    ``Kandinsky5Transformer3DModel``, ``MochiTransformer3DModel``, ``MotifVideoTransformer3DModel``,
    ``MiniMaxH3Transformer3DModel``, ``CosmosTransformer3DModel`` (Cosmos Predict 2.5), or one that a plugin has registered a
    family for. The moment of the schedule comes from the timestep that the denoiser is given, looked up in ``pipe.scheduler``.

    Args:
        pipe: the pipeline.
        regularizers: in order, each a mapping as in a spec (``{"use": "tar", "sigma": {0: 1}}``, parts of plugins included), a
            name alone, an option model, or an object. Default: ``tar`` with its defaults; ``[]`` is none. What is left out has
            the defaults that a run on such a model has.
        synopsis: the key states, a `Synopsis` or a list of captions and of mappings of ``caption`` and ``at``. The pipeline's
            own text encoder reads them, and they take the place of its prompt; its negative prompt stays.
        interpolation: ``linear`` (the paper's), ``hold`` or ``smooth``.
        timeline: how the states reach the frames: a text part's name, a mapping as in a spec (``{"use": "relay"}``), or an
            object. Left out: ``blend``.
        fps: frames a second, for moments and durations in seconds.
        plugins: objects with hook implementations: their parts may be named in ``regularizers``, and their families are known;
            installed plugins need no mention.
        fused: compute regularized attention in one fused kernel, as ``model.fused`` of a spec; on a CUDA GPU with Triton.

    Raises:
        SpecError: an argument is wrong, or (when the pipeline is called) does not fit its frames or steps.
        ModelError: the denoiser is none that attach knows, is attached already, or has fused projections, sliced attention,
            FreeNoise, context parallelism other than Ulysses on Wan, LTX and LTX-2, or the like; a synopsis, and another network
            that reads the prompt, or processes that share the text; several states, and a denoiser whose frames cannot read
            them as the text part says.
        SamplerError: raised by the call: several videos at once with a synopsis, a timestep that the scheduler does not have,
            more frames than the denoiser has positions for, an attention processor that was replaced meanwhile, gradients.
    """
    chosen, story, bringing, known = read(
        regularizers, synopsis, interpolation, timeline, fps, plugins, joint=lambda known: _joint(pipe, known)
    )
    fps = float(fps)  # valid by now, and perhaps a text
    denoisers = _denoisers(pipe, known)
    families = {name: known.family(type(denoiser).__name__) for name, denoiser in denoisers.items()}
    for name, denoiser in denoisers.items():
        check_unattached(name, denoiser)
        refuse(pipe, name, denoiser)
        refuse_cache(name, denoiser, chosen)
        check_parallel(name, denoiser, families[name], synopsis=story is not None)
    captions = None
    if story is not None:
        family = next(iter(families.values()))
        check_text(pipe, set(denoisers), family)
        check_states(pipe, story.prompts(), bringing, families)
        if story.negative_prompt is not None:
            warnings.warn(
                "the synopsis's negative prompt is not used: pass it to the pipeline as negative_prompt",
                UserWarning,
                stacklevel=3,
            )
        captions = Captions(pipe, family, story, bringing)
    memories = RunMemories()
    attached = [
        Attached(pipe, denoiser, families[name], chosen, captions, fps, memories, fused=fused)
        for name, denoiser in denoisers.items()
    ]
    with ExitStack() as stack:
        for one in attached:
            one.open()
            stack.callback(one.close)
        yield
        memories.end()
    if not any(one.calls for one in attached):
        names = " and ".join(denoisers)
        warnings.warn(f"attach: the pipeline's {names} was never called inside the block", UserWarning, stacklevel=3)


def _joint(pipe: Any, known: Families) -> bool:
    """Whether regularizers have the defaults for joint models, as `vstar_sdk.models.facts.Facts.joint` says it for a run."""
    denoisers = _denoisers(pipe, known).values()
    return any(site.kind == "joint" for one in denoisers for site in known.family(type(one).__name__).sites(one.config))


def _modular(pipe: Any) -> bool:
    """Whether a pipeline is one of blocks; their class is known by name, because its import takes long."""
    return any(kind.__name__ == "ModularPipeline" for kind in type(pipe).__mro__)


def _denoisers(pipe: Any, known: Families) -> dict[str, Any]:
    """The components of a pipeline that are denoisers of a known family, by name."""
    if not isinstance(pipe, DiffusionPipeline) and not _modular(pipe):
        raise ModelError(
            f"attach takes a diffusers pipeline, not a {type(pipe).__name__}", hint="pass the pipeline, not its unet"
        )
    parts = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    for name, part in parts.items():
        if hasattr(part, "_orig_mod"):
            raise ModelError(
                f"the pipeline's {name} is wrapped by torch.compile, which attach does not support",
                hint=f"restore the network itself, pipe.{name} = pipe.{name}._orig_mod, and attach to that",
            )
        if why := reason(type(part).__name__):
            hint = f"attach knows {', '.join(known.names())}"
            raise ModelError(f"the pipeline's {name} is a {type(part).__name__}; {why}", hint=hint)
    found = {name: part for name, part in parts.items() if type(part).__name__ in known}
    if not found:
        what = ", ".join(f"{name} ({type(part).__name__})" for name, part in parts.items())
        raise ModelError(
            f"{type(pipe).__name__} has no denoiser that attach knows: {what}", hint=f"attach knows {', '.join(known.names())}"
        )
    return found
