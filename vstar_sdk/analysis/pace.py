"""The pace of a real clip as a model's attention sees it: profiles for the regularizer ``transfer``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vstar_sdk.analysis.maps import Maps, Where
from vstar_sdk.analysis.numbers import numbers_of
from vstar_sdk.analysis.real import looking, real
from vstar_sdk.regularizers.transfer import Profile
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import Plan


def pace_of(plan: Plan, clip: Path, levels: Sequence[int], models: Models, *, at: float = 0.5) -> dict[int, Profile]:
    """Attention by distance, level by level, of a clip that is noised to a step.

    For frames ``d`` apart: the mean of the map over all pairs at that distance, as a share of that of a frame with itself. Where
    latent frames stand for several, values between their distances lie on straight lines.

    Args:
        plan: of the run; its model looks at the clip, in its length, size and schedule.
        clip: of the video.
        levels: of the model.
        models: gives the loaded model.
        at: when in the schedule.

    Raises:
        SpecError: see `vstar_sdk.analysis.real.real`.
    """
    found = real(looking(plan), clip, Where(at, tuple(levels)), models)
    return {level: _profile(found, level) for level in levels}


def _profile(maps: Maps, level: int) -> Profile:
    members = [one for one in maps.found if one.site.level == level]
    numbers, clock = numbers_of(torch.cat([one.maps for one in members]).mean(dim=0), maps.site), maps.site.clock
    places = np.array(numbers.distances) * clock.rhythm.regular
    values = np.interp(np.arange(int(places[-1]) + 1), places, numbers.profile)
    return Profile(values=[round(float(value), 6) for value in values / values[0]], fps=clock.fps)
