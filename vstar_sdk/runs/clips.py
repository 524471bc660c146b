"""What a run knows of its frames before the first arrives, as they leave the decoder and as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vstar_sdk.output.contract import Clip
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.finishing import Finishing, finished_timeline, finishing_of
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.story import Story

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Clips:
    """The clip of a run on its way.

    Attributes:
        decoded: as the model makes it.
        final: as it is measured and written.
        finishing: what lies between.
    """

    decoded: Clip
    final: Clip
    finishing: Finishing

    @classmethod
    def of(cls, plan: Plan, story: Story, spec: str) -> Clips:
        """The clip of a run.

        Args:
            plan: of the run.
            story: that it tells.
            spec: resolved, as YAML text.

        Raises:
            SpecError: the finishers leave fewer frames than the story has states.
        """
        finishing = finishing_of(plan.loaded, plan.settings.footage(plan.spec.prompt))
        first, last = finishing.footage[0], finishing.final
        timeline = finished_timeline(plan.loaded, story, last)
        return cls(
            Clip.telling(first, story.synopsis, story.timeline, spec),
            Clip.telling(last, story.synopsis, timeline, spec, finishing.sound),
            finishing,
        )

    def again(self, plan: Plan) -> Clips:
        """The same with new finishers, for frames that pass once more."""
        return replace(self, finishing=finishing_of(plan.loaded, self.finishing.footage[0]))

    def finished(self, transforms: Transforms, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """The final frames, made as they are drawn: through the plugins' transforms, then through the finishers.

        Args:
            transforms: of the run.
            frames: from the decoder.
        """
        return self.finishing.frames(transforms.frames(frames, self.decoded))
