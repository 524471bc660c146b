"""A check for models: a short clip goes through every method of an adapter, with attention nursed at every site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.contract import ConditionedAdapter, EncodingAdapter
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.testing.text_sites import check_text_sites

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.models.contract import Adapter, ModelSource
    from vstar_sdk.models.facts import Facts


def check_model(
    source: ModelSource, *, frames: int, width: int, height: int, tolerance: float = 0.0, idle: Collection[str] = ()
) -> None:
    """Load a model on the CPU and try what a run asks of it. A small random network of the real classes is enough.

    Args:
        source: what the part's factory returns.
        frames: pixel frames of the clip that is tried, at least two latent frames.
        width: in pixels.
        height: in pixels.
        tolerance: how far outputs may be apart where they should be the same; 0 is bit for bit.
        idle: names of sites that do not run: those of layers whose last weights are zero are left out by some models.

    Raises:
        SpecError: the model cannot make such a clip.
        ModelError: a site is not the attention that it is taken for.
        SamplerError: a site that the facts name does not run.
        AssertionError: what is wrong.
    """
    facts = source.facts()
    _check_facts(facts)
    facts.check(frames, width, height)
    adapter = source.load("cpu", "float32")
    before = _fingerprint(adapter)
    text = _check_text(adapter, facts.clock(frames, facts.fps).latents)
    running = [site for site in facts.sites if site.name not in idle]
    _check_attention(adapter, text, frames, width, height, tolerance, running)
    if facts.text_sites:
        check_text_sites(adapter, frames=frames, width=width, height=height, tolerance=max(tolerance, 1e-5))
    _check_decoder(adapter, frames, width, height)
    _check_encoder(adapter, frames, width, height)
    assert _fingerprint(adapter) == before, "after a run the model is not as it was: a processor, a hook or a weight is another"


def _check_facts(facts: Facts) -> None:
    names = [site.name for site in facts.sites]
    assert names, "its facts name no temporal attention"
    assert len(set(names)) == len(names), "its facts name a temporal attention twice"
    assert facts.levels == tuple(range(len(facts.levels))), f"its levels are {facts.levels}: they count from 0, highest first"
    assert any(site.level == 0 and site.block != "init" for site in facts.sites), "no temporal attention is at level 0"
    facts.check(facts.frames, facts.width, facts.height)


def _check_text(adapter: Adapter, latent_frames: int) -> Tensor:
    """Texts of two branches, ``(2, latent frames, tokens, dim)``: one caption in every frame of each."""
    import torch

    prompts = ["a field in summer", "snow"]
    both = adapter.encode(prompts)
    assert both.ndim == 3, f"encode gave the shape {tuple(both.shape)}, not (prompts, tokens, dim)"
    assert len(both) == 2, f"encode gave {len(both)} embeddings for 2 prompts"
    assert not torch.equal(both[0], both[1]), "encode gives the same for different prompts"
    alone = torch.cat([adapter.encode([prompt]) for prompt in prompts])
    assert torch.equal(both, alone), "the embedding of a prompt depends on its neighbours: encode each by itself"
    assert adapter.cut_off("a") == "", "cut_off says that the text encoder does not see the end of 'a'"
    return both[:, None].expand(-1, latent_frames, -1, -1)


def _check_attention(
    adapter: Adapter, text: Tensor, frames: int, width: int, height: int, tolerance: float, running: Sequence[SiteAddress]
) -> None:
    import torch

    from vstar_sdk.attention.recording import Recording

    facts, latent_frames = adapter.facts, text.shape[1]
    clock = facts.clock(frames, facts.fps)
    shape = adapter.latent_shape(frames, height, width)
    assert shape[2] == latent_frames, f"latent_shape gives {shape[2]} latent frames, the facts {latent_frames}"
    latents = torch.randn((2, *shape[1:]), generator=torch.Generator().manual_seed(0))

    def same(one: Tensor, other: Tensor) -> bool:
        return torch.allclose(one, other, atol=tolerance, rtol=0.0)

    def planned(*regularizers: Tar) -> AttentionPlan:
        return plan_attention(facts.sites, regularizers, clock)

    def denoise(given: Tensor) -> Tensor:
        # At both ends of the schedule, which may belong to two networks.
        predicted = [adapter.denoise(latents, torch.tensor(timestep), given) for timestep in (990, 100)]
        for one in predicted:
            assert one.shape == latents.shape, f"denoise gave the shape {tuple(one.shape)} for latents of {tuple(latents.shape)}"
        return torch.stack(predicted)

    def call(plan: AttentionPlan, recording: Recording | None = None, given: Tensor = text) -> Tensor:
        with _nursed(adapter, plan, recording):
            return denoise(given)

    plain = denoise(text)
    assert plain.isfinite().all(), "denoise gave something that is not finite"
    recording = Recording([Site.at(site, clock) for site in running], steps=[0])
    assert same(call(planned(), recording), plain), "nursed at every site, with nothing to do, the output changes"
    sums = recording.maps().sum(dim=-1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-3), "the rows of a recorded attention map do not sum to 1"
    assert same(call(planned(Tar(TarOptions(strength=0.0)))), plain), "TAR of strength 0 changes the output"
    strong = TarOptions(sigma={0: 1}, strength=4.0, stat="spread", window=(0.0, 1.0))
    assert not same(call(planned(Tar(strong))), plain), "strong TAR at level 0 changes nothing"
    last = torch.cat([text[:, :-1], text.flip(0)[:, -1:]], dim=1)
    if facts.one_text:
        _check_one_text(adapter, lambda: call(planned(), given=last))
        return
    assert not same(call(planned(), given=last), plain), "another text in the last frame changes nothing"


def _check_one_text(adapter: Adapter, denoise: Callable[[], object]) -> None:
    """A model with one text for all frames says so, and takes no other."""
    assert adapter.family.one_text, "its facts have one_text, and its family does not"
    try:
        denoise()
    except SamplerError:
        return
    raise AssertionError("its facts have one_text, and it takes another text in the last frame: it must raise a SamplerError")


@contextmanager
def _nursed(adapter: Adapter, plan: AttentionPlan, recording: Any) -> Generator[None]:
    from vstar_sdk.attention.nursing import nurse

    with nurse(adapter.denoiser, plan, adapter.family, recording=recording) as nursing:
        nursing.at(0, 2)
        yield


def _check_decoder(adapter: Adapter, frames: int, width: int, height: int) -> None:
    import torch

    latents = torch.randn(adapter.latent_shape(frames, height, width), generator=torch.Generator().manual_seed(1))
    decoded = adapter.decode(latents)
    assert iter(decoded) is decoded, "decode gives all frames at once: let it yield them, so that memory stays bounded"
    pictures = list(decoded)
    assert len(pictures) == frames, f"decode gave {len(pictures)} frames of {frames}"
    shapes = {(picture.shape, str(picture.dtype)) for picture in pictures}
    assert shapes == {((height, width, 3), "uint8")}, f"decode gave frames of {shapes}, not ({height}, {width}, 3) and uint8"


def _check_encoder(adapter: Adapter, frames: int, width: int, height: int) -> None:
    """Facts and adapter agree on whether frames can be encoded, and the latents are a clip's."""
    import numpy as np

    facts = adapter.facts
    able = isinstance(adapter, EncodingAdapter)
    assert able or not facts.encodes, "its facts say that it encodes frames, and the adapter has no encode_frames"
    assert isinstance(adapter, ConditionedAdapter) or not facts.trained, "its facts name pictures, and it has no condition"
    if not able or not facts.encodes:
        return
    grey = np.full((height, width, 3), 128, np.uint8)
    encoded = adapter.encode_frames(iter([grey] * frames))
    shape = adapter.latent_shape(frames, height, width)
    assert encoded.shape == shape, f"encode_frames gave the shape {tuple(encoded.shape)}, and the latents have {shape}"
    assert str(encoded.dtype) == "torch.float32", f"encode_frames gave {encoded.dtype}, not float32"
    alone = adapter.encode_frames([grey] * facts.rhythm.shortest)
    apart = float((encoded[:, :, : alone.shape[2]] - alone).abs().max())
    assert apart < 1e-4, f"the latents of a clip's beginning depend on what comes later, by {apart:g}"
    assert float((encoded - adapter.encode_frames([grey // 2] * frames)).abs().max()) > 0, "other frames give the same latents"


def _fingerprint(adapter: Adapter) -> dict[str, Any]:
    """What must not change in a network: which objects stand where, and the weights."""
    found: dict[str, Any] = {}
    denoiser: Any = adapter.denoiser
    for name, module in denoiser.named_modules():
        found[f"{name} processor"] = id(getattr(module, "processor", None))
        found[f"{name} forward"] = module.__dict__.get("forward")
        found[f"{name} hooks"] = (*module.__dict__["_forward_pre_hooks"], *module.__dict__["_forward_hooks"])
    for name, weight in denoiser.state_dict().items():
        found[name] = (tuple(weight.shape), float(weight.double().sum()), weight.is_inference())
    return found
