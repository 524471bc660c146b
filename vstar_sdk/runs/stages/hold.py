"""What the sampling holds: the latents of kept frames, of pictures and of clips, and a noise of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.contract import ConditionedAdapter, EncodingAdapter
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.plan import Plan
from vstar_sdk.sampling.held import Held
from vstar_sdk.sampling.noise import held_noise, picture_noise
from vstar_sdk.sampling.tensor_file import read_tensors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.clock import Clock
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.runs.beginning import Beginning, Shot
    from vstar_sdk.runs.kept import Kept


@dataclass(frozen=True, eq=False)
class Known:
    """Latent frames that are known beforehand.

    Attributes:
        adapter: the model, with the pictures before it that its network was trained to read.
        frames: latent frames, ascending.
        clean: their latents, ``(1, channels, len(frames), height, width)``.
        lead: see `Held`.
        bare: see `Held`.
    """

    adapter: Adapter
    frames: tuple[int, ...] = ()
    clean: Tensor | None = None
    lead: float = 0.0
    bare: frozenset[int] = frozenset()

    def held(
        self, shape: tuple[int, ...], seed: int, draw: Callable[[torch.Generator], Tensor], device: torch.device
    ) -> Held | None:
        """What the sampling holds; None where nothing is known.

        Args:
            shape: of the run's latents.
            seed: of the run.
            draw: gives noise of that shape from a generator.
            device: of the sampling.

        Raises:
            SamplerError: the latents are of another shape than this model's, or not finite.
        """
        if self.clean is None:
            return None
        known = self.clean
        if (*known.shape[:2], *known.shape[3:]) != (*shape[:2], *shape[3:]) or shape[2] <= self.frames[-1]:
            raise SamplerError(
                f"the latents that are kept have the shape {tuple(known.shape)}, but the run needs {shape}",
                hint="keep frames of a run with the same model",
            )
        if not known.isfinite().all():
            raise SamplerError("the latents of the kept frames are not finite", hint="use dtype float32 or bfloat16")
        noise = draw(held_noise(seed))[:, :, list(self.frames)]
        return Held(self.frames, known.float().to(device), noise.to(device), self.lead, self.bare)


def known_of(plan: Plan, adapter: Adapter) -> Known:
    """What a run knows beforehand: nothing, frames of an earlier run, or those of pictures and clips, encoded now.

    Args:
        plan: of the run.
        adapter: the loaded model.

    Raises:
        SpecError: the earlier run's latents, a picture or a clip is not there any more, or was changed.
        SamplerError: the earlier run's latents are of another shape than this model's.
    """
    if plan.kept is not None:
        return _of_run(plan.kept, adapter)
    if plan.beginning is not None:
        return _of_shots(plan.beginning, plan.facts.clock(plan.settings.frames, plan.settings.fps), adapter, plan.settings.seed)
    return Known(adapter)


def _of_run(kept: Kept, adapter: Adapter) -> Known:
    kept.parent.check_latents()
    known: Any = read_tensors(kept.parent.latents)["latents"]
    if known.shape[2] <= kept.latents[-1]:
        raise SamplerError(
            f"{printable(str(kept.parent.latents))} holds {known.shape[2]} latent frames, but frame {kept.latents[-1]} is kept",
            hint="keep frames of a run with the same model",
        )
    return Known(adapter, kept.latents, known[:, :, list(kept.latents)], kept.lead)


def _of_shots(beginning: Beginning, clock: Clock, adapter: Adapter, seed: int) -> Known:
    found: dict[int, Tensor] = {}
    for shot in beginning.shots:
        if shot.latents:
            found |= dict(zip(shot.latents, _encoded(shot, clock, adapter).unbind(dim=2), strict=True))
    bare: tuple[int, ...] = ()
    if beginning.trained:
        if not isinstance(adapter, ConditionedAdapter):
            raise SamplerError(f"the adapter of {adapter.facts.name} has no condition(), which its facts promise")
        pictures = {shot.key: next(shot.frames()) for shot in beginning.trained}
        given = adapter.condition(pictures, clock.frames, picture_noise(seed))
        adapter, bare = given.adapter, given.frames
        if given.clean is not None:
            found |= dict(zip(bare, given.clean.to("cpu").unbind(dim=2), strict=True))
    frames = tuple(sorted(found))
    clean = torch.stack([found[frame] for frame in frames], dim=2) if frames else None
    return Known(adapter, frames, clean, beginning.lead, frozenset(bare))


def _encoded(shot: Shot, clock: Clock, adapter: Adapter) -> Tensor:
    """The latents of a shot's held frames, ``(1, channels, latents, height, width)``, on the CPU.

    At the end of a video the first latent frame of what is encoded is left out: an encoder that compresses time gives it one
    frame alone, and latent frames in the middle stand for several. Its frame is the one before, or else the first once more.
    """
    if not isinstance(adapter, EncodingAdapter):
        raise SamplerError(f"the adapter of {adapter.facts.name} has no encode_frames(), which its facts promise")
    begins = next(at for at, span in enumerate(clock.spans) if span[0] >= shot.place.start)
    skipped, count = clock.spans[begins].start - shot.place.start, clock.spans[shot.latents[-1]].stop - clock.spans[begins].start
    alone = clock.rhythm.regular == 1 or begins == 0
    before = min(skipped, 0 if alone else 1)
    frames = islice(shot.frames(), skipped - before, None)
    given = frames if alone or before else _twice_the_first(frames)
    encoded = adapter.encode_frames(islice(given, count if alone else count + 1))
    at = [latent - begins + (not alone) for latent in shot.latents]
    return encoded[:, :, _checked(at, encoded)].float().cpu()


def _checked(at: Sequence[int], encoded: Tensor) -> list[int]:
    if encoded.shape[2] <= max(at):
        raise SamplerError(f"encode_frames gave {encoded.shape[2]} latent frames, and {max(at) + 1} are needed")
    return list(at)


def _twice_the_first(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    own = iter(frames)
    first = next(own)
    yield first
    yield first
    yield from own
