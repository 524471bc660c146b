"""A family of denoisers: all that the sampler and ``attach`` need to know of a network's class. Imports no torch.

A model's adapter names its family, and ``attach`` finds the family of a pipeline that somebody holds by the class of its
denoiser, which the plugin has registered by name (`register_families`). Built-in families and those of plugins are alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from vstar_sdk.clock import EVERY_FRAME, Rhythm

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vstar_sdk.attention.processor import NursedProcessor
    from vstar_sdk.attention.sites import Site, SiteAddress


class DenoiserCall:
    """The arguments of one call of a denoiser, by name.

    Args:
        denoiser: that is called.
        args: positional arguments.
        kwargs: named arguments.
    """

    def __init__(self, denoiser: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        # The class's own signature: offloading puts another forward on the instance.
        self._bound = _signature(type(denoiser)).bind(denoiser, *args, **kwargs)

    def __getitem__(self, name: str) -> Any:
        return self._bound.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or a default where it was not given."""
        return self._bound.arguments.get(name, default)

    def set(self, **changes: Any) -> None:
        """Change arguments by name."""
        self._bound.arguments.update(changes)

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments, as a forward pre-hook returns them."""
        return self._bound.args[1:], self._bound.kwargs


@cache
def _signature(kind: type[nn.Module]) -> inspect.Signature:
    return inspect.signature(kind.forward)


class Branches(Protocol):
    """Tells for each video of a call whether it is the branch that the prompt conditions.

    ``(False, True)`` is guidance in one batch, the negative prompt first; ``(True,)`` a call for the prompt alone.
    """

    def __call__(self, call: DenoiserCall, /) -> tuple[bool, ...]:
        """One entry for each video of the call."""
        ...


class Family:
    """What nursing needs to know of a class of denoisers. Derive from it and say how yours differ.

    A run needs `sites` and `processor`. The rest is for ``attach``, which nurses a pipeline that it did not make.
    """

    latents = "hidden_states"
    """The denoiser's argument that holds the latents."""
    text = "encoder_hidden_states"
    """The denoiser's argument that holds the text: ``(videos, tokens, dim)``, or one for each frame of each video."""
    timestep = "timestep"
    """The denoiser's argument that holds the timestep, on the scheduler's scale."""
    companions = frozenset({"text_encoder", "vae", "motion_adapter", "image_encoder", "safety_checker"})
    """Networks of a pipeline that a synopsis may have besides the denoiser: any other one may read the prompt too."""

    streams: tuple[str, ...] = ("hidden_states",)
    """What a transformer block of the denoiser is given and gives back changed: arguments of its ``forward``, in the order of its
    output, which is a tuple where they are several. A guidance may leave such a block out (see `vstar_sdk.Skip`)."""

    parallel = False
    """Whether regularizers are exact where several devices share a clip's tokens (see `vstar_sdk.attention.parallel`)."""
    parallel_text = False
    """Whether so is a synopsis, in a pipeline whose text diffusers leaves whole then."""

    one_text = False
    """Whether all frames of a video read one text, because text and video share one attention. A synopsis of several states is
    then refused, and `tell` is given the same text for every frame."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """The self-attentions over frames of a network, in the order in which it runs them.

        Args:
            config: the network's configuration.

        Raises:
            ModelError: it is not a configuration of this family.
        """
        raise NotImplementedError

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """Where frames can read the text of all key states, token by token, each with a bias of its own. None by default.

        They are cross-attentions to the text, of the kind ``cross``; where text and video share one attention, the `sites`
        themselves. All have ``reads``.

        Args:
            config: the network's configuration.
        """
        del config
        return ()

    def processor(self, attn: Any, site: Site) -> NursedProcessor:
        """The processor for a site, once it is sure that it can stand in for what is there.

        Args:
            attn: the module at the site.
            site: where.

        Raises:
            ModelError: it is another attention, or does more than plain attention.
        """
        raise NotImplementedError

    def installed(self, attn: Any) -> Any:
        """What stands at a site now."""
        return attn.processor

    def install(self, attn: Any, processor: Any) -> None:
        """Put a processor to a site: a nursed one, or at the end the model's own."""
        attn.set_processor(processor)

    def rhythm(self, pipe: Any) -> Rhythm:
        """How a pipeline packs pixel frames into latent frames."""
        del pipe
        return EVERY_FRAME

    def frames(self, latents: Tensor) -> int:
        """Latent frames of a call: of ``(videos, channels, frames, height, width)`` the third size."""
        return int(latents.shape[2])

    def latent_frames(self, call: DenoiserCall) -> int:
        """Latent frames of a call: by default `frames` of its latents. Where tokens have no shape, another argument says it."""
        return self.frames(call[self.latents])

    def timestep_of(self, call: DenoiserCall, scheduler: Any) -> Any:
        """The timestep of a call on the scheduler's scale: by default the argument `timestep`, as it is given.

        Args:
            call: its arguments.
            scheduler: the pipeline's, after ``set_timesteps``.
        """
        del scheduler
        return call[self.timestep]

    def picture(self, call: DenoiserCall) -> tuple[int, int]:
        """Height and width of a call's latents, or of its tokens where these have no shape: by default the last two sizes."""
        height, width = call[self.latents].shape[-2:]
        return int(height), int(width)

    def most_frames(self, denoiser: nn.Module) -> int | None:
        """The most latent frames that a denoiser has positions for, or None."""
        del denoiser
        return None

    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """Captions as the pipeline's own text encoder reads them, each by itself.

        Returns:
            ``(captions, tokens, dim)``, as the denoiser takes them.

        Raises:
            ModelError: the pipeline has no text encoder.
        """
        raise NotImplementedError

    def cut_off(self, pipe: Any, caption: str) -> str:
        """The end of a caption that the pipeline's text encoder does not see; "" when it sees all."""
        del pipe, caption
        return ""

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """While it is open, tells which videos of a call the prompt conditions, as the pipeline itself says it.

        Without more knowledge a call holds one video, under the prompt.
        """
        del pipe, denoiser
        return nullcontext(lambda call: (True,) * len(call[self.latents]))

    def text_of(self, call: DenoiserCall) -> Tensor:
        """The text that a call brings, in the form that `encode` gives: ``(videos, tokens, dim)``, or one for each frame."""
        given: Tensor = call[self.text]
        return given

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """Give every frame its own text, for one call.

        Args:
            during: closed after the call: for hooks that the call needs.
            denoiser: that is called.
            call: its arguments; to be changed.
            text: ``(videos, latent frames, tokens, dim)``.
        """
        raise NotImplementedError

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """Give all frames the text of all key states, for one call; at the `text_sites` each reads it with its own bias.

        Args:
            during: closed after the call: for hooks that the call needs.
            denoiser: that is called.
            call: its arguments; to be changed.
            text: ``(videos, states, tokens, dim)``. A video that the prompt does not condition has its own text in the place of
                the first state's, and zeros in the others'.
            nearest: ``(videos, latent frames)``, the state that each frame reads most of: for what can read only one.
        """
        del during, denoiser, nearest
        call.set(**{self.text: text.flatten(1, 2)})
