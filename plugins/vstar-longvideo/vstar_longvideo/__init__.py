"""Training-free methods of the field for longer videos, as parts of vstar-sdk. One file a method, with its formula and source.

This module, which the entry point names, offers them; it is imported to validate a spec, so that nothing heavy is imported here.
"""

from __future__ import annotations

from vstar_longvideo.cycle import Cycle, CycleOptions
from vstar_longvideo.enhance import Enhance, EnhanceOptions
from vstar_longvideo.first_frame import FirstFrame, FirstFrameOptions
from vstar_longvideo.freeinit import FreeInit, FreeInitOptions
from vstar_longvideo.freelong import FreeLong, FreeLongOptions
from vstar_longvideo.freenoise import FreeNoise, FreeNoiseOptions
from vstar_longvideo.freenoise_windows import Windows, WindowsOptions
from vstar_longvideo.loop import Loop, LoopOptions
from vstar_longvideo.off_diagonal import OffDiagonal, OffDiagonalOptions
from vstar_longvideo.pacing import Pacing, PacingOptions
from vstar_longvideo.profile import Profile, ProfileOptions
from vstar_longvideo.riflex import Riflex, RiflexOptions
from vstar_longvideo.speed import Speed, SpeedOptions
from vstar_longvideo.ultravico import Ultravico, UltravicoOptions
from vstar_sdk import Register, hookimpl


@hookimpl
def register_noises(register: Register) -> None:
    """Offer the noise of FreeNoise."""
    register(
        "freenoise",
        options=FreeNoiseOptions,
        factory=FreeNoise,
        summary="Later frames have the first ones' noise, in another order (FreeNoise).",
    )


@hookimpl
def register_regularizers(register: Register) -> None:
    """Offer the methods that change the attention."""
    register("freenoise", options=WindowsOptions, factory=Windows, summary="Attention in overlapping windows (FreeNoise).")
    register(
        "enhance", options=EnhanceOptions, factory=Enhance, summary="Raises what frames have of each other (Enhance-A-Video)."
    )
    register(
        "freelong",
        options=FreeLongOptions,
        factory=FreeLong,
        summary="Slow changes from attention to all frames, fast ones from near frames (FreeLong).",
    )
    register("riflex", options=RiflexOptions, factory=Riflex, summary="A rotary frequency that does not come round (RIFLEx).")
    register(
        "speed", options=SpeedOptions, factory=Speed, summary="Frames lie further apart in time, or nearer (rotary positions)."
    )
    register("ultravico", options=UltravicoOptions, factory=Ultravico, summary="Attention to far frames decays (UltraViCo).")
    register(
        "first-frame", options=FirstFrameOptions, factory=FirstFrame, summary="Less attention to the first frame (after DyMoS)."
    )
    register(
        "off-diagonal", options=OffDiagonalOptions, factory=OffDiagonal, summary="Less weight on the frame itself (after TiARA)."
    )
    register("loop", options=LoopOptions, factory=Loop, summary="TAR's band over a clip whose end meets its beginning.")
    register("profile", options=ProfileOptions, factory=Profile, summary="As much of TAR's band as keeps attention near.")


@hookimpl
def register_samplers(register: Register) -> None:
    """Offer FreeInit."""
    register(
        "freeinit",
        options=FreeInitOptions,
        factory=FreeInit,
        summary="Several turns; each begins with the low frequencies of the last one's clip (FreeInit).",
    )


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer what changes the time of a story."""
    register("cycle", options=CycleOptions, factory=Cycle, summary="A story whose last frame is its first state again.")
    register("pacing", options=PacingOptions, factory=Pacing, summary="A story that goes faster here and slower there.")
