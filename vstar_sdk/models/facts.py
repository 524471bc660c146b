"""A model before it is loaded: facts that need no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vstar_sdk.clock import EVERY_FRAME, Clock, Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.models.one_text import NO_STATES, REASON, REMEDY

if TYPE_CHECKING:
    from vstar_sdk.attention.sites import SiteAddress


@dataclass(frozen=True)
class Preset:
    """A scheduler and a number of steps that were measured together on a model.

    Attributes:
        scheduler: its name in a spec.
        steps: denoising steps.
    """

    scheduler: str
    steps: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A model before it is loaded, read from its configuration files alone.

    Attributes:
        name: as people know it.
        sites: its temporal self-attentions, highest resolution first within the order of the network.
        frames: its default clip length.
        width: its own picture width in pixels.
        height: its own picture height in pixels.
        size_multiple: width and height must be multiples of this.
        rhythm: how it packs frames into latent frames; `vstar_sdk.Rhythm.causal` for those that compress time.
        lengths: the shortest and the longest clip that come out well; None for a quarter and four times `frames`.
        max_frames: the most frames that it can make at once, or None.
        fps: frames a second that it was trained on.
        steps: its default number of denoising steps.
        guidance: its default classifier-free guidance scale.
        eta: its default DDIM eta.
        scheduler: its default scheduler, by the names of `vstar_sdk.sampling.schedulers`.
        presets: others that were measured on it, by the names that ``sampling.preset`` may have.
        negative_prompt: used when neither the synopsis nor the spec gives one.
        vocabulary: the words that it was trained with, in lower case; None for a model of ordinary language.
        scheduler_config: the configuration that its schedulers are built from, where it is known before loading; else empty.
        one_text: whether all frames of a video read one text, because text and video share one attention.
        text_sites: where its frames can read the text of all key states, token by token; see `vstar_sdk.Family.text_sites`.
        fixed_size: whether it makes pictures of `width` by `height` alone, because its positions were learned for them.
        encodes: whether its adapter is an `EncodingAdapter`, so that frames of pictures and clips can be kept.
        trained: the pictures that it was trained to read, of ``first`` and ``last``; its adapter is a `ConditionedAdapter` then.
        needs: those of them without which it makes no video.
        states: the number of key states that its options have weights for; None: any number.
    """

    name: str
    sites: tuple[SiteAddress, ...]
    frames: int
    width: int
    height: int
    size_multiple: int
    fps: float
    steps: int
    guidance: float
    eta: float
    rhythm: Rhythm = EVERY_FRAME
    lengths: tuple[int, int] | None = None
    max_frames: int | None = None
    scheduler: str = "ddim"
    presets: Mapping[str, Preset] = field(default_factory=dict[str, Preset])
    negative_prompt: str = ""
    vocabulary: frozenset[str] | None = None
    scheduler_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    one_text: bool = False
    text_sites: tuple[SiteAddress, ...] = ()
    fixed_size: bool = False
    encodes: bool = False
    trained: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    states: int | None = None

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels at which it has temporal attention, from 0."""
        return tuple(sorted({site.level for site in self.sites if site.block != "init"}))

    @property
    def joint(self) -> bool:
        """Whether the tokens of all frames attend to each other."""
        return any(site.kind == "joint" for site in self.sites)

    def clock(self, frames: int, fps: float) -> Clock:
        """The time of a clip of ``frames`` pixel frames, which `check` has let through."""
        return Clock(frames, fps, self.rhythm)

    def preset(self, name: str | None) -> Facts:
        """The same model with a preset's scheduler and steps as its defaults.

        Args:
            name: of the preset; None for the model's own defaults.

        Raises:
            SpecError: the model has no such preset; with its path in the spec.
        """
        if name is None:
            return self
        if name not in self.presets:
            known = f"use {' or '.join(self.presets)}" if self.presets else "set sampling.steps and sampling.scheduler"
            raise SpecError(f"{self.name} has no preset {name!r}", hint=known, path=("sampling", "preset"))
        chosen = self.presets[name]
        return replace(self, scheduler=chosen.scheduler, steps=chosen.steps)

    def unknown_words(self, caption: str) -> tuple[str, ...]:
        """The words of a caption that the model was not trained with, in its order; none where it reads ordinary language."""
        if self.vocabulary is None:
            return ()
        words = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", caption.lower())
        return tuple(dict.fromkeys(word for word in words if word not in self.vocabulary))

    def check_text(self, reads: str, part: str) -> None:
        """Refuse a text part that the model cannot follow.

        Args:
            reads: what the part has its frames read, see `vstar_sdk.Text.reads`.
            part: its name.

        Raises:
            SpecError: frames are to read the text of all states, and the model takes one embedding for each. The path is
                ``("timeline", "use")``.
        """
        if reads == "states" and not self.text_sites:
            raise SpecError(
                f"{self.name} cannot follow {part}: its frames read one embedding each, not the text of all states",
                hint=NO_STATES,
                path=("timeline", "use"),
            )
        if reads == "states" and self.states is not None:
            raise SpecError(
                f"a LoRA with a weight for each key state does not fit {part}, where frames read the text of all states",
                hint="give it one weight, or use timeline: {use: blend}",
                path=("model", "loras"),
            )

    def check_weights(self, states: int) -> None:
        """Refuse a number of key states that the options have no weights for.

        Args:
            states: how many the story has.

        Raises:
            SpecError: it is another one. The path is ``("model", "loras")``.
        """
        if self.states not in (None, states):
            raise SpecError(
                f"there is a LoRA with {self.states} weights, and the story has {states} key states",
                hint="write one weight, or one for each key state",
                path=("model", "loras"),
            )

    def check_states(self, different: int, reads: str) -> None:
        """Refuse a number of different key states.

        Args:
            different: how many they are.
            reads: what the text part has the frames read, see `vstar_sdk.Text.reads`.

        Raises:
            SpecError: it is above 1, and the model has one text for all frames. The path is empty.
        """
        if self.one_text and different > 1 and reads == "frames":
            raise SpecError(f"{self.name} does not support {different} different states: {REASON}", hint=REMEDY)

    def check(self, frames: int, width: int, height: int) -> None:
        """Refuse a clip that the model cannot make.

        Args:
            frames: pixel frames.
            width: in pixels.
            height: in pixels.

        Raises:
            SpecError: the path is ``("frames",)`` or ``("size",)``, and the hint names the nearest values that are allowed.
        """
        allowed = self._allowed_frames(frames)
        if frames not in allowed:
            why = f": its clips have {self.rhythm.formula} frames" if self.rhythm != EVERY_FRAME else ""
            if self.max_frames and frames > self.max_frames:
                why = f": at most {self.max_frames}"
            raise SpecError(
                f"{self.name} cannot make {frames} frames{why}",
                hint=f"use {' or '.join(map(str, allowed))}",
                path=("frames",),
            )
        if self.fixed_size and (width, height) != (self.width, self.height):
            raise SpecError(
                f"{self.name} cannot make pictures of {width} x {height}: its positions were learned for one size",
                hint=f"use {self.width} x {self.height}",
                path=("size",),
            )
        multiple = self.size_multiple
        if any(side < multiple or side % multiple for side in (width, height)):
            nearest = " x ".join(str(max(1, round(side / multiple)) * multiple) for side in (width, height))
            raise SpecError(
                f"{self.name} cannot make pictures of {width} x {height}: width and height must be multiples of {multiple}",
                hint=f"the nearest size is {nearest}",
                path=("size",),
            )

    def nearest(self, frames: float) -> int:
        """The number of frames next to one that the model can make."""
        return min(self._allowed_frames(max(1, round(frames))), key=lambda allowed: abs(allowed - frames))

    def _allowed_frames(self, frames: int) -> tuple[int, ...]:
        """The allowed numbers of frames next to one that is asked for: itself alone when it is allowed."""
        most = self.rhythm.nearest(self.max_frames)[0] if self.max_frames else None
        return tuple(sorted({n if most is None else min(n, most) for n in self.rhythm.nearest(frames)}))
