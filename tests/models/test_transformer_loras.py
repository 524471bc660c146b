"""LoRAs beside the weights of models whose denoiser attends over all tokens of a clip. They need the package peft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from tests.attaching.families import FAMILIES
from tests.denoised import denoised, scheduler_for
from tests.transformer_models import ONE, OTHER, SOURCES, clock, latents, load, one_text, source
from vstar_sdk import MissingDependency, ModelError, SpecError, load_spec
from vstar_sdk.models import loras
from vstar_sdk.runs.plan import make_plan

peft = pytest.importorskip("peft", reason="LoRAs are loaded by peft")

slow = pytest.mark.slow
FRAMES_AND_TEXT = ["to_q", "to_v", "to_out.0"]
TAKEN = {
    "wan": "wan 2.1",
    "skyreels": "skyreels",
    "ltx": "ltx",
    "cogvideox": "cogvideox 5b",
    "kandinsky5": "kandinsky5",
    "mochi": "mochi",
    "minimax-h3": "minimax-h3",
}
"""A pipeline of every family that takes LoRAs, in `FAMILIES`; LTX-2's is made of the same parts."""


def pipeline_of(family: str, directory: Path) -> Any:
    return FAMILIES[TAKEN[family]].load(directory)


def train(pipe: Any, folder: Path, targets: Any, seed: int = 0, alpha: float = 6.0) -> Path:
    """A LoRA of rank 2 that peft makes and the pipeline saves, its factors far from zero; alpha is in the file's metadata."""
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=2, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
    pipe.transformer.add_adapter(config, adapter_name="trained")
    layers = peft.get_peft_model_state_dict(pipe.transformer, adapter_name="trained")
    told = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    type(pipe).save_lora_weights(folder, layers, transformer_lora_adapter_metadata=told)
    pipe.transformer.delete_adapters("trained")
    return folder / "pytorch_lora_weights.safetensors"


def with_loras(name: str, directory: Path, *written: dict[str, Any]) -> Any:
    return source(name, directory, loras=list(written)).load("cpu", "float32")


@pytest.fixture
def lora(wan_21, tmp_path) -> Path:
    return train(pipeline_of("wan", wan_21), tmp_path, FRAMES_AND_TEXT)


def step(adapter: Any, text: Any = None, timestep: float = 500.0, side: int = 32) -> torch.Tensor:
    """One call of the network."""
    return adapter.denoise(latents(adapter, side=side), torch.tensor(timestep), one_text(adapter) if text is None else text)


def test_wan_with_a_lora_samples_what_its_pipeline_with_it_does(wan_21, lora):
    pipe = pipeline_of("wan", wan_21)
    pipe.load_lora_weights(lora.parent, adapter_name="trained")
    pipe.set_adapters(["trained"], [0.7])
    adapter = with_loras("wan_21", wan_21, {"path": str(lora), "weight": 0.7})
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": 17, "guidance_scale": 4.0}
    wanted = pipe(**asked, num_inference_steps=3, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("unipc", adapter.scheduler_config)
    got = denoised(adapter, text.expand(5, -1, -1), negative, noise, built, steps=3, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5
    pipe.unload_lora_weights()
    plain = pipe(**asked, num_inference_steps=3, latents=noise, output_type="latent").frames
    assert (plain - wanted).abs().max() > 1e-2
    assert [name for name in adapter.weights() if name.startswith("loras/")] == ["loras/0/pytorch_lora_weights.safetensors"]


def test_weight_0_is_the_plain_model_bit_for_bit(wan_21, lora, opened):
    plain = step(opened("wan_21"))
    for weight in (0.0, [0.0, 0.0]):
        adapter = with_loras("wan_21", wan_21, {"path": str(lora), "weight": weight})
        with adapter.running([[1.0, 0.0]] * 5, 2):
            assert torch.equal(step(adapter), plain)


@slow
def test_several_add_up_in_one_network_and_each_expert_takes_its_own(wan_22, wan_21, lora, tmp_path):
    other = train(pipeline_of("wan", wan_21), tmp_path / "other", ["to_k"], seed=1)
    plain = load("wan_22", wan_22)
    both = with_loras("wan_22", wan_22, {"path": str(lora)}, {"path": str(other)})
    first = with_loras(
        "wan_22", wan_22, {"path": str(lora), "network": "transformer"}, {"path": str(other), "network": "transformer_2"}
    )
    text = one_text(plain)
    clear, noisy = ([step(one, text, t) for one in (plain, both, first)] for t in (100.0, 900.0))
    for three in (clear, noisy):
        assert all((a - b).abs().max() > 1e-4 for a, b in zip(three, (*three[1:], three[0]), strict=True))
    only = with_loras("wan_22", wan_22, {"path": str(lora), "network": "transformer"})
    assert torch.equal(step(only, text, 100.0), clear[0])
    assert torch.equal(step(only, text, 900.0), noisy[2])


@pytest.mark.parametrize(
    ("family", "name", "last"),
    [
        ("wan", "wan_21", "blocks.1.ffn.net.2"),
        pytest.param("ltx", "tiny_ltx", "transformer_blocks.1.ff.net.2", marks=slow),
    ],
)
def test_a_frame_is_changed_as_much_as_its_mixture_of_states_says(request, tmp_path, family, name, last):
    """What the last layer of the last block changes reaches no other frame: so each is that of a LoRA with one weight."""
    directory = request.getfixturevalue(name)
    file = train(pipeline_of(family, directory), tmp_path, [last])
    mixture = [[1.0, 0.0], [0.75, 0.25], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]
    adapter = with_loras(name, directory, {"path": str(file), "weight": [1.0, -0.6]})
    frames = clock(adapter).latents
    with adapter.running(mixture[:frames], 2):
        got = step(adapter)
    for frame, (one, other) in enumerate(mixture[:frames]):
        single = with_loras(name, directory, {"path": str(file), "weight": one - 0.6 * other})
        torch.testing.assert_close(got[:, :, frame], step(single)[:, :, frame], atol=1e-6, rtol=1e-5)
    assert (step(adapter) - got).abs().max() > 1e-3, "afterwards it is the same in all frames"


@pytest.mark.parametrize(("family", "name"), [("wan", "wan_21"), pytest.param("ltx", "tiny_ltx", marks=slow)])
def test_equal_weights_of_the_states_are_one_weight_in_attention_to_text_too(request, tmp_path, family, name):
    directory = request.getfixturevalue(name)
    file = train(pipeline_of(family, directory), tmp_path, FRAMES_AND_TEXT)
    adapter = with_loras(name, directory, {"path": str(file), "weight": [0.5, 0.5]})
    one = with_loras(name, directory, {"path": str(file), "weight": 0.5})
    states = one.encode([ONE, OTHER])
    text = torch.stack([*states[:1], *[states[1]] * (clock(one).latents - 1)])[None]
    with adapter.running([[0.5, 0.5]] * clock(one).latents, 2):
        torch.testing.assert_close(step(adapter, text), step(one, text), atol=1e-5, rtol=1e-5)


@slow
@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("skyreels", "skyreels_dir"),
        ("ltx", "tiny_ltx"),
        ("cogvideox", "cogvideox_5b"),
        ("kandinsky5", "kandinsky5_dir"),
        ("mochi", "mochi_dir"),
        ("minimax-h3", "minimax_h3_dir"),
    ],
)
def test_every_family_calls_its_network_with_a_lora_as_its_pipeline_does(request, tmp_path, family, name):
    """The same prediction as a network that diffusers' pipeline put the LoRA into."""
    directory = request.getfixturevalue(name)
    targets = ["to_query", "to_value"] if family == "kandinsky5" else ["to_q", "to_v"]
    pipe = pipeline_of(family, directory)
    file = train(pipe, tmp_path, targets)
    pipe.load_lora_weights(file.parent, adapter_name="trained")
    pipe.set_adapters(["trained"], [0.5])
    adapter = with_loras(name, directory, {"path": str(file), "weight": 0.5})
    plain = load(name, directory)
    got, before = step(adapter), step(plain)
    theirs = getattr(plain.denoiser, "transformer", plain.denoiser)
    theirs.load_state_dict(merged(pipe.transformer))
    assert (got - step(plain)).abs().max() < 1e-5
    assert (got - before).abs().max() > 1e-4


def merged(network: Any) -> dict[str, torch.Tensor]:
    """The weights of a network with its LoRAs merged by peft, under the names of a plain one."""
    network.fuse_lora(adapter_names=["trained"])
    network.unload_lora()
    return network.state_dict()


@slow
def test_ltx2_takes_a_lora(tiny_ltx2, tmp_path):
    network = load("tiny_ltx2", tiny_ltx2).denoiser
    weight = network.state_dict()["transformer_blocks.0.attn1.to_q.weight"]
    up, down = torch.randn(weight.shape[0], 2), torch.randn(2, weight.shape[1])
    file = tmp_path / "ltx2.safetensors"
    names = {kind: f"diffusion_model.transformer_blocks.0.attn1.to_q.lora_{kind}.weight" for kind in "AB"}
    save_file({names["A"]: down, names["B"]: up}, file)
    adapter, plain = with_loras("tiny_ltx2", tiny_ltx2, {"path": str(file), "weight": 0.5}), load("tiny_ltx2", tiny_ltx2)
    plain.denoiser.state_dict()["transformer_blocks.0.attn1.to_q.weight"].add_(0.5 * up @ down)
    assert (step(adapter, side=64) - step(plain, side=64)).abs().max() < 1e-5


@pytest.mark.parametrize(
    "name", [name for name, (_, options) in SOURCES.items() if getattr(options, "NO_STATE_WEIGHTS", "none") is not None]
)
def test_a_weight_for_every_state_is_refused_by_name_with_the_reason(tmp_path, name):
    word = SOURCES[name][1].MODEL
    with pytest.raises(
        ValidationError, match=rf"{word} takes (one weight for a LoRA, not .* key state: |no LoRAs: its pipeline)"
    ):
        source(name, tmp_path, loras=[{"path": "./lora", "weight": [1.0, 0.0]}])


def test_a_model_whose_pipeline_has_no_loader_refuses_loras_by_name(tmp_path):
    with pytest.raises(ValidationError, match="hunyuan15 takes no LoRAs: its pipeline in diffusers has no loader for them"):
        source("hunyuan15_dir", tmp_path, loras=[{"path": "./lora"}])


def test_what_belongs_to_no_frame_has_no_weight_for_each_state(wan_21, tmp_path):
    file = train(pipeline_of("wan", wan_21), tmp_path, ["time_proj"])
    with pytest.raises(ModelError, match=r"changes transformer.condition_embedder.time_proj, which all frames share in Wan 2.1"):
        with_loras("wan_21", wan_21, {"path": str(file), "weight": [1.0, 0.0]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tensors: {key.replace("blocks.0", "blocks.9"): value for key, value in tensors.items()},
            "changes blocks.9.attn1.to_",
        ),
        (lambda tensors: {key: value for key, value in tensors.items() if "lora_A" in key}, "lora_B.weight is missing"),
        (lambda tensors: {f"unet.{key}": value for key, value in tensors.items()}, "its unet.transformer.blocks"),
        (lambda tensors: {key: value[:, :1] for key, value in tensors.items()}, "cannot be loaded as a LoRA"),
        (lambda tensors: {"weight": torch.ones(2)}, "cannot be loaded as a LoRA"),
    ],
)
def test_a_file_that_fits_nothing_is_named(wan_21, lora, change, message):
    tensors = change(load_file(lora))
    save_file({key: value.contiguous() for key, value in tensors.items()}, lora)
    with pytest.raises(ModelError, match=message) as refused:
        with_loras("wan_21", wan_21, {"path": str(lora)})
    assert str(lora) in str(refused.value)


def test_only_safetensors_are_read(wan_21, lora):
    pickled = lora.rename(lora.with_suffix(".bin"))
    with pytest.raises(ModelError, match=r"a LoRA is a file named \*.safetensors"):
        with_loras("wan_21", wan_21, {"path": str(pickled)})


def test_a_lora_for_a_second_network_needs_one(wan_21, lora):
    with pytest.raises(ModelError, match="is for the network transformer_2, which the model does not have"):
        with_loras("wan_21", wan_21, {"path": str(lora), "network": "transformer_2"})


def story(directory: Path, weight: Any, **changes: Any) -> Any:
    model = {"use": "wan", "path": str(directory), "loras": [{"path": "./a.safetensors", "weight": weight}]}
    states = {"use": "states", "states": [ONE, OTHER]}
    return load_spec({"model": model, "synopsis": states, "frames": 17, "size": [32, 32], "sampling": {"steps": 1}, **changes})


def test_as_many_weights_as_states_and_none_with_relay(wan_21, monkeypatch):
    with pytest.raises(SpecError, match="a LoRA with 3 weights, and the story has 2 key states"):
        make_plan(story(wan_21, [1.0, 0.0, 1.0]))
    with pytest.raises(SpecError, match="weight for each key state does not fit relay"):
        make_plan(story(wan_21, [1.0, 0.0], timeline={"use": "relay"}))
    assert make_plan(story(wan_21, [1.0, 0.0])).facts.states == 2
    monkeypatch.setattr(loras, "peft_installed", lambda: False)
    with pytest.raises(MissingDependency, match="needs the package 'peft'"):
        make_plan(story(wan_21, 1.0))


@slow
def test_a_run_follows_the_story(session, wan_21, tmp_path):
    file = train(pipeline_of("wan", wan_21), tmp_path, FRAMES_AND_TEXT)
    made = []
    for weight in (1.0, [1.0, 1.0], [1.0, 0.0]):
        spec = {
            "model": {"use": "wan", "path": str(wan_21), "loras": [{"path": str(file), "weight": weight}]},
            "synopsis": {"use": "states", "states": [ONE, OTHER]},
            "regularizers": [],
            "frames": 17,
            "size": [32, 32],
            "sampling": {"steps": 1},
        }
        made.append(torch.stack([torch.as_tensor(frame).float() for frame in session.run(spec).frames()]))
    assert (made[0] - made[1]).abs().max() <= 1
    assert (made[0] - made[2]).abs().max() > 1
