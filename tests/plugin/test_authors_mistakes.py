"""What authors get wrong at first: each is told with the plugin, the place and the remedy, or does no harm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from vstar_sdk import Bias, Options, PluginError, RegularizerOptions, State, Synopsis, hookimpl
from vstar_sdk.plugin.boundary import exporters, metrics, regularizers, schedulers, synopses
from vstar_sdk.plugin.boundary.calls import Origin
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.plugin.transforms import Transforms

GIVEN: dict[str, Any] = {"options": Options, "factory": "vstar_acme.hum:Hum", "summary": "A hum."}


def plugin(**members) -> Plugin:
    for name, member in members.items():
        if callable(member):
            member.__name__ = name
            members[name] = hookimpl(member)
    return Plugin("acme", SimpleNamespace(**members), "vstar-acme 1.0")


def refused(make) -> PluginError:
    with pytest.raises(PluginError) as caught:
        make()
    return caught.value


def registering(*given, **named) -> PluginError:
    return refused(lambda: built_in_catalog().add(plugin(register_noises=lambda register: register(*given, **named))))


@pytest.mark.parametrize(
    ("given", "named", "words"),
    [
        (("hum", Options, "acme:Hum", "A hum."), {}, "too many positional arguments"),
        (("hum",), {"option": Options, "factory": "acme:Hum", "summary": "A hum."}, "missing a required argument: 'options'"),
        (("hum",), {**GIVEN, "kind": "noise"}, "unexpected keyword argument 'kind'"),
    ],
    ids=["positional", "missing", "unknown"],
)
def test_a_call_of_register_that_does_not_fit_is_told_in_the_authors_words(given, named, words):
    error = registering(*given, **named)
    assert "plugin acme (vstar-acme 1.0): the call of register does not fit" in error.message
    assert words in error.message
    assert (error.hint or "").startswith("write register(name, options=..., factory=..., summary=..., needs_hooks=...)")


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        (3, {}, "3 is not a name for a noise"),
        ("hum", {"factory": "vstar_acme.hum:"}, "the factory must be callable, or a text"),
        ("hum", {"factory": "vstar_acme.hum.Hum"}, "the factory must be callable, or a text"),
    ],
    ids=["name", "no attribute", "no colon"],
)
def test_what_is_registered_is_looked_at(name, changed, words):
    assert words in registering(name, **{**GIVEN, **changed}).message


class Loud(Options):
    share: float = Field(default=3, le=1)


def test_a_default_that_a_spec_could_not_have_is_the_plugins_fault():
    error = registering("hum", **{**GIVEN, "options": Loud})
    assert error.message == "acme/hum: the default of its option share is refused: Input should be less than or equal to 1"


class Needy(Options):
    share: float
    rest: int = 2


def test_options_without_a_default_are_no_fault():
    built_in_catalog().add(plugin(register_noises=lambda register: register("hum", **{**GIVEN, "options": Needy})))


def test_a_factory_in_a_module_that_is_not_there_is_told_with_its_place():
    catalog = built_in_catalog()
    catalog.add(plugin(register_noises=lambda register: register("hum", **{**GIVEN, "factory": "vstar_sdk.humm:Hum"})))
    error = refused(lambda: catalog.part("noises", "acme/hum").make(Options(), path=("sampling", "noise")))
    assert error.message == (
        "sampling.noise: acme/hum (vstar-acme 1.0): its factory is vstar_sdk.humm:Hum, and there is no module 'vstar_sdk.humm'"
    )
    assert (error.hint or "").startswith("correct the factory")


def test_an_argument_that_a_hook_does_not_have_is_told_with_those_that_it_has():
    error = refused(lambda: plugin(on_step=lambda step: None))
    assert error.message == "plugin acme (vstar-acme 1.0): on_step has no argument step; it has event, options"


@pytest.mark.parametrize("hook", [lambda *event: None, lambda **event: None], ids=["*", "**"])
def test_a_hook_that_takes_anything_is_refused_since_it_would_get_nothing(hook):
    assert "event, which gets nothing" in refused(lambda: plugin(on_step=hook)).message


def test_an_argument_with_a_default_is_given_what_the_hook_has():
    seen = []
    (call,) = plugin(on_step=lambda event=None, loud=False: seen.append((event, loud))).implementations("on_step")
    call(event="a step")
    assert seen == [("a step", False)]


def test_a_version_of_the_hooks_that_is_no_number_is_told():
    error = refused(lambda: plugin(on_step=lambda event: None, HOOK_API="1"))
    assert (error.message, error.hint) == (
        "plugin acme (vstar-acme 1.0): its HOOK_API is a str, not a number",
        "write HOOK_API = 1",
    )


def contained(contract, **members):
    return contract.contain(type("Part", (), members)(), Origin("acme/part (vstar-acme 1.0)", ("here",)))


NOTHING = {name: lambda self, *given: None for name in ("open", "close", "abort", "begin", "result")}


@pytest.mark.parametrize(
    ("contract", "method"), [(exporters.CONTRACT, "write"), (metrics.CONTRACT, "add")], ids=["exporter", "metric"]
)
def test_a_frame_that_others_get_next_cannot_be_changed(contract, method):
    frame = np.full((2, 2, 3), 7, dtype=np.uint8)
    part = contained(contract, **NOTHING, path="a.csv", numbers=("a",), **{method: lambda self, frame: frame.fill(0)})
    error = refused(lambda: getattr(part, method)(frame))
    assert f"here: acme/part (vstar-acme 1.0) failed in {method}(): ValueError: assignment destination is read-only" in str(error)
    assert frame.min() == 7
    assert frame.flags.writeable


def test_a_scheduler_gets_a_configuration_of_its_own():
    class Scheduler:
        timesteps = None

        def set_timesteps(self, num_inference_steps, device=None): ...

        def step(self, model_output, timestep, sample): ...

    def make(self, config):
        config["betas"].clear()
        config.clear()
        return Scheduler()

    config = {"betas": [1, 2]}
    contained(schedulers.CONTRACT, takes_eta=False, make=make).make(config)
    assert config == {"betas": [1, 2]}


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Bias(abs, stat="median"), "gave a Bias whose stat is 'median'"),  # pyright: ignore[reportArgumentType]
        (Bias(abs, branches="positive"), "gave a Bias whose branches is 'positive'"),  # pyright: ignore[reportArgumentType]
        (Bias(3), "gave a Bias whose fn is an int, not a function"),  # pyright: ignore[reportArgumentType]
        (Bias(abs, strength=float("nan")), "gave a Bias whose strength is nan, not a finite number"),
    ],
    ids=["stat", "branches", "fn", "strength"],
)
def test_a_field_of_an_operation_that_means_nothing_is_refused(operation, words):
    part = contained(regularizers.CONTRACT, options=RegularizerOptions(), operations=lambda self, site: [operation])
    assert f"here: acme/part (vstar-acme 1.0): its operations() {words}" in refused(lambda: part.operations(None)).message


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([State("a")], "whose states are a list, not a tuple of State"),
        ((), "whose states are empty, not a tuple of State"),
        (("a",), "whose state 1 is a str, not a State"),
        ((State("a"), State(None)), "in which the caption of state 2 is None, not text"),  # pyright: ignore[reportArgumentType]
        ((State("a"), State(" ")), "in which the caption of state 2 is empty"),
    ],
    ids=["list", "empty", "text", "none", "blank"],
)
def test_a_synopsis_says_which_state_is_wrong(states, words):
    assert words in str(synopses.fault(Synopsis(states)))


def test_a_transform_that_makes_nan_is_named():
    import torch

    def nan(latents):
        return latents * float("nan")

    error = refused(lambda: Transforms([plugin(transform_latents=nan)]).latents(torch.ones(2), 1, 2, 9.0))
    assert error.message == (
        "plugin acme (vstar-acme 1.0) broke the contract of transform_latents: it returned values that are not finite"
    )
