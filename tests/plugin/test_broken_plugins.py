"""Ten broken plugins beside each other, and a good one: everything that does not use them works, and each says its reason."""

from __future__ import annotations

import json

import pytest

from vstar_sdk import PluginError, SpecError, load_spec
from vstar_sdk.plugin.health import survey
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.runs.plan import make_plan

STORY = {"prompt": "a volcano wakes up", "frames": 2, "synopsis": {"use": "miniworld", "states": 2}, "sampling": {"steps": 2}}

OFFER = """
    from vstar_sdk import Bias, RegularizerOptions, hookimpl
    class Options(RegularizerOptions):
        slope: float = 0.1
    class Part:
        def __init__(self, options):
            self.options = options
        def operations(self, site):
            return [Bias(lambda distance: -self.options.slope * distance.abs())]
    @hookimpl
    def register_regularizers(register):
        register("part", options=Options, factory=Part, summary="Far frames weigh less.")
"""

BROKEN = {
    "raises": "raise RuntimeError('no luck today')",
    "exits": "import sys; print('bye'); sys.exit(3)",
    "misspelled": "from vstar_sdk import hookimpl\n@hookimpl\ndef on_stepp(event): ...",
    "loose": OFFER.replace("slope: float = 0.1", "model_config = {'extra': 'ignore'}"),
    "stepper": OFFER + "    @hookimpl\n    def on_step(event):\n        raise ValueError(f'step {event.step}')\n",
    "latent": OFFER + "    @hookimpl\n    def transform_latents(latents):\n        return 1 / 0\n",
    "needy": "import a_package_nobody_has",
    "twice": OFFER + "        register('part', options=Options, factory=Part, summary='Again.')\n",
    "nonsense": OFFER.replace("factory=Part", "factory=lambda options: 42"),
}

REASONS = {
    "raises": "plugin raises (vstar-raises 1.2) cannot be imported: RuntimeError: no luck today",
    "exits": "plugin exits (vstar-exits 1.2) cannot be imported: SystemExit: 3",
    "misspelled": "plugin misspelled (vstar-misspelled 1.2): there is no hook 'on_stepp'. Did you mean 'on_step'?",
    "loose": "loose/part: the option model must keep extra='forbid', so that typos in a spec are errors",
    "needy": "plugin needy (vstar-needy 1.2) cannot be imported: ModuleNotFoundError: No module named 'a_package_nobody_has'",
    "twice": "plugin twice (vstar-twice 1.2) registers the regularizer 'twice/part' twice",
    "taken": "the namespace 'taken' is claimed by vstar-one 1.2 and vstar-two 0.3",
}


REMEDIES = {"taken": " (uninstall all but one of them)"}
"""What a listing adds to a reason that has a remedy of its own."""


@pytest.fixture
def ten(packages):
    """Nine broken plugins, two that claim one namespace, and a good one."""
    for namespace, source in BROKEN.items():
        packages.add(namespace, source)
    packages.add("taken", OFFER, "vstar-one")
    packages.add("taken", OFFER, "vstar-two", version="0.3")
    packages.add("good", OFFER)
    return packages


def test_help_lists_commands(ten):
    result = ten.vstar("--help")
    assert result.returncode == 0
    assert "validate" in result.stdout


def test_plugins_shows_every_reason(ten):
    result = ten.vstar("plugins", "--json")
    assert result.returncode == 0, result.stderr
    records = {record["name"]: record for record in json.loads(result.stdout)}
    told = {name: [reason + REMEDIES.get(name, "")] for name, reason in REASONS.items()}
    assert {name: records[name]["reasons"] for name in REASONS} == told
    assert {records[name]["state"] for name in REASONS} == {"quarantined"}
    assert not any(records[name]["parts"] for name in REASONS)
    good = records["good"]
    assert good["state"] == "healthy"
    assert (good["distribution"], good["version"], good["parts"]) == ("vstar-good", "1.2", ["regularizer good/part"])
    assert good["hooks"] == ["register_regularizers"]
    assert good["import_ms"] > 0


def test_both_claims_of_a_namespace_are_shown(ten):
    _, records = survey()
    claims = [record for record in records if record.name == "taken"]
    assert sorted((record.distribution, record.version) for record in claims) == [("vstar-one", "1.2"), ("vstar-two", "0.3")]
    assert all(record.reasons == (REASONS["taken"] + REMEDIES["taken"],) for record in claims)


def test_the_table_fits_80_columns(ten):
    result = ten.vstar("plugins")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "quarantined: plugin exits (vstar-exits 1.2)" in result.stdout


def test_check_fails_while_anything_is_unhealthy(ten):
    assert ten.vstar("plugins", "--check").returncode == 1
    assert ten.vstar("plugins", "--check", VSTAR_PLUGINS="good").returncode == 0


def test_strict_makes_quarantine_an_error(ten):
    assert ten.vstar("models").returncode == 0
    result = ten.vstar("models", VSTAR_PLUGINS_STRICT="1")
    assert result.returncode == 3
    assert "is ignored" in result.stderr


def test_a_run_that_uses_none_of_them_works(ten, session):
    assert len(list(session.run(STORY | {"regularizers": [{"use": "good/part"}]}).frames())) == 2


def test_a_spec_that_uses_one_is_told_its_reason_and_the_place(ten, tmp_path):
    spec = tmp_path / "story.yaml"
    for name in REASONS:
        spec.write_text(f"prompt: a volcano wakes up\nregularizers:\n  - use: {name}/part\n")
        with pytest.raises(PluginError) as caught:
            load_spec(spec)
        assert caught.value.message == f"{spec}:3:5: regularizers[0].use: {REASONS[name]}"
        assert caught.value.hint


def test_one_that_raises_in_on_step_is_counted_and_in_the_manifest(ten, session):
    result = session.run(STORY | {"plugins": ["stepper"]})
    assert "plugin stepper (vstar-stepper 1.2) failed in on_step, 2 times, at first: ValueError: step 1" in result.warnings
    assert list(result.warnings) == result.manifest["warnings"]


def test_one_that_raises_in_transform_latents_ends_the_run_by_name(ten, session):
    with pytest.raises(
        PluginError, match=r"plugin latent \(vstar-latent 1\.2\) failed in transform_latents: ZeroDivisionError: division by zero"
    ):
        session.run(STORY | {"plugins": ["latent"]})
    session.run(STORY | {"regularizers": [{"use": "latent/part"}]})  # its parts alone do no harm


def test_a_factory_that_returns_nonsense_is_told_when_it_is_used(ten):
    spec = load_spec(STORY | {"regularizers": [{"use": "nonsense/part"}]})
    with pytest.raises(
        PluginError,
        match=r"nonsense/part \(vstar-nonsense 1\.2\): its factory returned an int instead of a vstar_sdk\.Regularizer: "
        r"it has no operations\(\), options",
    ):
        make_plan(spec)


def test_the_good_one_is_checked_like_the_core(ten):
    with pytest.raises(SpecError, match=r"unknown key 'slop'\. Did you mean 'slope'\?"):
        load_spec(STORY | {"regularizers": [{"use": "good/part", "slop": 1}]})


EXAMPLES = {
    "a base exception on import": ("class Odd(BaseException): ...\nraise Odd('x')", "cannot be imported: Odd: x"),
    "an error of syntax": ("def", "cannot be imported: SyntaxError"),
    "no hook at all": ("", "implements no hooks"),
    "a hook without its mark": ("def on_step(event): ...", "on_step is not marked as a hook"),
    "an asynchronous hook": (
        "from vstar_sdk import hookimpl\n@hookimpl\nasync def on_step(event): ...",
        "on_step is asynchronous; hooks are plain functions",
    ),
    "a wrapper": (
        "import pluggy\n@pluggy.HookimplMarker('vstar_sdk')(wrapper=True)\ndef on_step(event): return (yield)",
        "on_step is a wrapper",
    ),
    "an argument that the hook does not have": (
        "from vstar_sdk import hookimpl\n@hookimpl\ndef on_step(event, model): ...",
        "on_step has no argument model; it has event, options",
    ),
    "exits while it registers": (
        "import sys\nfrom vstar_sdk import hookimpl\n@hookimpl\ndef register_models(register): sys.exit()",
        "failed to register: SystemExit",
    ),
    "an option named use": (OFFER.replace("slope", "use"), "the option model has a field 'use'"),
    "an option that hides another": (
        OFFER.replace("slope", "part"),
        "has a field 'part', which vstar_sdk.RegularizerOptions reserves",
    ),
    "a loose model inside the options": (
        OFFER.replace("slope: float = 0.1", "inner: list[Inner] = []").replace(
            "    class Options", "    from pydantic import BaseModel\n    class Inner(BaseModel): ...\n    class Options"
        ),
        "Inner inside the option model must keep extra='forbid'",
    ),
    "options without a schema": (
        OFFER.replace("slope: float = 0.1", "call: Callable[[], int] | None = None").replace(
            "    class Options", "    from typing import Callable\n    class Options"
        ),
        "the option model has no JSON Schema",
    ),
    "options of another kind": (OFFER.replace("options=Options", "options=dict"), "must be a subclass of vstar_sdk"),
    "a factory that is none": (OFFER.replace("factory=Part", "factory=3"), "the factory must be callable"),
    "a name that is none": (OFFER.replace('"part"', '"A part"'), "'A part' is not a name for a regularizer"),
    "a template that is not there": (
        "from vstar_sdk import hookimpl\n@hookimpl\ndef register_templates(register): register('x', '/nowhere/x.jinja')",
        "there is no file /nowhere/x.jinja",
    ),
}


@pytest.mark.parametrize(("source", "reason"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_breaks_the_contract_is_quarantined_with_its_reason(packages, source, reason):
    packages.add("acme", source)
    packages.add("good", OFFER)
    catalog, records = survey()
    (acme,) = [record for record in records if record.name == "acme"]
    assert acme.state == "quarantined"
    assert reason in acme.reasons[0]
    assert catalog.part("regularizers", "good/part")
    assert not any(part.name.startswith("acme/") for part in catalog.parts("regularizers"))


ANY = """
    from vstar_sdk import hookimpl
    from vstar_sdk import {base} as Base
    class Options(Base):
        slope: float = 0.1
    @hookimpl
    def {hook}(register):
        register("part", options=Options, factory=lambda options: 42, summary="A part.")
"""

FAULTS = {
    "loose": (("slope: float = 0.1", "model_config = {'extra': 'ignore'}"), "must keep extra='forbid'"),
    "an option named use": (("slope: float", "use: float"), "the option model has a field 'use'"),
    "no options": (("options=Options", "options=dict"), "must be a subclass of vstar_sdk"),
    "no factory": (("factory=lambda options: 42", "factory=3"), "the factory must be callable"),
    "no name": (('"part"', '"A part"'), "'A part' is not a name for a"),
    "raises": (("def HOOK(register):", "def HOOK(register):\n        raise RuntimeError('no luck')"), "no luck"),
    "exits": (("def HOOK(register):", "def HOOK(register):\n        raise SystemExit(3)"), "failed to register: SystemExit"),
    "twice": (
        ('summary="A part.")', "summary='')\n        register('part', options=Options, factory=lambda options: 42, summary='')"),
        "/part' twice",
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_broken_part_of_any_kind_is_quarantined_with_its_reason(packages, kind):
    offer, wanted = ANY.format(base=kind.base.__name__, hook=kind.hook), {}
    for number, ((good, bad), reason) in enumerate(FAULTS.values()):
        source = offer.replace(good.replace("HOOK", kind.hook), bad.replace("HOOK", kind.hook))
        assert source != offer
        packages.add(f"bad{number}", source)
        wanted[f"bad{number}"] = reason
    packages.add("good", offer)
    catalog, records = survey()
    found = {record.name: record for record in records}
    for name, reason in wanted.items():
        assert found[name].state == "quarantined", name
        assert reason in found[name].reasons[0]
        assert name in found[name].reasons[0]
    assert found["good"].state == "healthy"
    assert catalog.part(kind.name, "good/part")
    assert not any(part.name.startswith("bad") for part in catalog.parts(kind.name))


def test_a_part_whose_package_is_missing_is_found_by_check(packages):
    packages.add("acme", OFFER.replace("factory=Part", 'factory="no_such_package.part:Part"'))
    assert survey()[1][0].state == "healthy"
    (record,) = [record for record in survey(deep=True)[1] if record.name == "acme"]
    assert record.state == "faulty"
    assert record.unhealthy
    assert "needs the module 'no_such_package', which is not installed" in record.reasons[0]


def test_a_damaged_package_of_somebody_else_hides_nobody_and_is_named(packages, caplog):
    packages.add(distribution="other", points="[vstar_sdk]\nthis is no entry point\n")
    packages.add("good", OFFER)
    assert "good" in [record.name for record in survey()[1]]
    assert any("the entry points of other cannot be read" in message for message in caplog.messages)


def test_the_namespace_of_the_core_cannot_be_claimed(packages):
    packages.add("vstar", OFFER)
    (record,) = [record for record in survey()[1] if record.distribution == "vstar-vstar"]
    assert record.state == "quarantined"
    assert "claims the namespace 'vstar', which is the package's own" in record.reasons[0]
