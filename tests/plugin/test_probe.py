"""Imports are tried in a child process first: what ends the process or hangs is refused by name, and remembered."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time

import pytest

from vstar_sdk import PluginError, hookimpl, load_spec
from vstar_sdk.caches import cache_folder
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.health import survey
from vstar_sdk.plugin.plugin import given
from vstar_sdk.plugin.probe import gate, memory, trial
from vstar_sdk.plugin.probe.target import Target

GOOD = "from vstar_sdk import hookimpl\n@hookimpl\ndef on_step(event): ...\n"
DIES = "import os; os._exit(0)"
STORY = {"prompt": "a volcano wakes up", "frames": 2}

OFFER = """
    from vstar_sdk import RegularizerOptions, hookimpl
    @hookimpl
    def register_regularizers(register):
        register("part", options=RegularizerOptions, factory="{module}:Part", summary="A part.")
"""


@pytest.fixture
def tried(packages, tmp_path, monkeypatch):
    """Packages whose imports are tried; what this process remembers is forgotten."""
    monkeypatch.delenv("VSTAR_PROBE_SECONDS")
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(memory, "_here", {})
    return packages


@pytest.fixture
def trials(tried, monkeypatch):
    """Every trial's targets, by their modules."""
    made = []

    def run(targets, seconds):
        made.append([target.value for target in targets])
        return real(targets, seconds)

    real = trial.run
    monkeypatch.setattr(trial, "run", run)
    return made


def another_process(monkeypatch):
    """What is remembered is that of the cache alone."""
    monkeypatch.setattr(memory, "_here", {})


def reasons(records):
    return {record.name: record.reasons for record in records if record.distribution != "vstar-example"}


# --- what is contained


def test_each_is_told_in_its_own_words_and_the_others_are_healthy(tried):
    tried.add("dies", DIES)
    tried.add("raises", "raise RuntimeError('no luck today')")
    tried.add("exits", "print('bye'); raise SystemExit(3)")
    tried.add("good", "print('good morning')\n" + GOOD)
    tried.add(None, DIES, "vstar-command", commands=["deadly"])
    result = tried.vstar("plugins", "--check", "--json")
    assert result.returncode == 1, result.stderr
    records = {record["name"]: record for record in json.loads(result.stdout)}
    ends = "cannot be imported: the import ends the process, with exit code 0"
    remedy = "remove the plugin, or report it to its author; "
    remedy += "'vstar plugins --check' tests it again, with VSTAR_PROBE_SECONDS=120 for longer"
    assert {name: records[name]["reasons"] for name in ("dies", "raises", "exits", "good", "vstar-command")} == {
        "dies": [f"plugin dies (vstar-dies 1.2) {ends} ({remedy})"],
        "raises": ["plugin raises (vstar-raises 1.2) cannot be imported: RuntimeError: no luck today"],
        "exits": ["plugin exits (vstar-exits 1.2) cannot be imported: SystemExit: 3"],
        "good": [],
        "vstar-command": [f"the command 'deadly' {ends}"],
    }
    assert records["dies"]["state"] == "quarantined"
    assert result.stderr.count("good morning") == 1  # the trial's output is dropped


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_how_and_where_it_ends_is_told(tried, monkeypatch):
    sources = {
        "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "crashes": "import os\n\n\nos.abort()",
        "leaves": "import os; os._exit(7)",
        "stays": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()",
        "closes": "import os\nos.closerange(0, 100)",
        "fine": "",
    }
    for name, source in sources.items():
        tried.add(name, source)
    targets = {name: Target(f"vstar_{name}_module", f"vstar-{name} 1.2") for name in sources}
    found = gate.faults(targets.values())
    assert {name: found[target] for name, target in targets.items()} == {
        "killed": "the import ends the process, by SIGKILL",
        "crashes": f"the import ends the process, by SIGABRT (it is at {tried.folder / 'vstar_crashes_module.py'}, line 4)",
        "leaves": "the import ends the process, with exit code 7",
        "stays": None,
        "closes": None,
        "fine": None,
    }


def test_one_that_hangs_is_told_with_the_limit_and_its_line(tried, monkeypatch):
    monkeypatch.setenv("VSTAR_PROBE_SECONDS", "0.5")
    tried.add("acme", "import time\n\ndef wait():\n    time.sleep(1000)\n\nwait()")
    target = Target("vstar_acme_module", "vstar-acme 1.2")
    place = f"{tried.folder / 'vstar_acme_module.py'}, line 4"
    assert gate.faults([target])[target] == f"the import does not end within 0.5 s (it is at {place})"


def test_one_that_keeps_its_own_limit_from_ending_it_is_killed(tried, monkeypatch):
    monkeypatch.setenv("VSTAR_PROBE_SECONDS", "0.2")
    monkeypatch.setattr(trial, "_GRACE", 0.5)
    tried.add("acme", "import faulthandler, time\nfaulthandler.cancel_dump_traceback_later()\ntime.sleep(1000)")
    target = Target("vstar_acme_module", "vstar-acme 1.2")
    assert gate.faults([target])[target] == "the import does not end within 0.2 s"


def test_a_spec_that_names_it_is_refused_with_the_place_and_a_remedy(tried, tmp_path):
    tried.add("acme", DIES)
    spec = tmp_path / "story.yaml"
    spec.write_text("prompt: a volcano wakes up\nregularizers:\n  - use: acme/part\n")
    for _ in range(2):  # tried, and remembered
        result = tried.vstar("validate", spec)
        assert (result.returncode, result.stdout) == (3, "")
        error, hint = result.stderr.splitlines()
        assert error == (
            f"error: {spec}:3:5: regularizers[0].use: plugin acme (vstar-acme 1.2) cannot be imported: "
            "the import ends the process, with exit code 0"
        )
        assert hint == (
            "hint: remove the plugin, or report it to its author; 'vstar plugins --check' tests it again, "
            "with VSTAR_PROBE_SECONDS=120 for longer"
        )


def test_a_command_that_ends_the_process_is_refused(tried):
    tried.add(None, DIES, "vstar-hello", commands=["hello"])
    result = tried.vstar("hello")
    assert result.returncode == 3
    assert result.stderr.splitlines()[0] == (
        "error: the command 'hello' (vstar-hello 1.2) cannot be imported: the import ends the process, with exit code 0"
    )


def test_a_factory_that_ends_the_process_is_refused_when_it_is_used(tried):
    (tried.folder / "deadly_factory.py").write_text(DIES)
    tried.add("acme", OFFER.format(module="deadly_factory"))
    fault = (
        "acme/part (vstar-acme 1.2) cannot be imported from deadly_factory:Part: the import ends the process, with exit code 0"
    )
    spec = load_spec(STORY | {"regularizers": [{"use": "acme/part"}]})  # nothing of it is needed yet
    with pytest.raises(PluginError, match=re.escape(fault)):
        spec.catalog.part("regularizers", "acme/part").load()
    (told,) = reasons(survey(deep=True)[1])["acme"]
    assert told.startswith(f"{fault} (remove the plugin, or report it to its author; ")


def test_a_family_that_ends_the_process_is_refused_when_it_is_used(tried):
    (tried.folder / "deadly_family.py").write_text(DIES)
    tried.add(
        "acme",
        "from vstar_sdk import hookimpl\n@hookimpl\ndef register_families(register):\n"
        "    register('AcmeTransformer', family='deadly_family:FAMILY')\n",
    )
    catalog = Catalog()
    catalog.add(discovery.load(["acme"])[0])
    with pytest.raises(PluginError, match="deadly_family:FAMILY: the import ends the process"):
        catalog.families.family("AcmeTransformer")


def test_an_interrupt_leaves_no_child(tried, tmp_path, monkeypatch):
    started = tmp_path / "started"
    tried.add("acme", f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(1000)")

    def sleep(seconds):
        real(seconds)
        if started.exists() and started.read_text():
            raise KeyboardInterrupt

    real = time.sleep
    monkeypatch.setattr(trial.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        gate.faults([Target("vstar_acme_module", "vstar-acme 1.2")])
    monkeypatch.undo()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), signal.SIGTERM)


# --- what is tried, and how often


def test_it_is_tried_once_for_each_state_of_its_files(trials, tried, monkeypatch):
    tried.add("acme", "raise RuntimeError")
    module = "vstar_acme_module"
    survey()
    assert sum(module in made for made in trials) == 1
    survey()
    another_process(monkeypatch)
    survey()
    assert sum(module in made for made in trials) == 1
    (tried.folder / f"{module}.py").write_text("raise RuntimeError('another size')")
    survey()
    assert sum(module in made for made in trials) == 2
    os.utime(tried.folder / f"{module}.py", ns=(1, 1))
    survey()
    assert sum(module in made for made in trials) == 3


def test_another_version_is_tried_again(trials, tried):
    tried.add("acme", DIES)
    for version in ("1.2", "1.2", "1.3"):
        gate.faults([Target("vstar_acme_module", f"vstar-acme {version}")])
    assert len(trials) == 2


def test_check_tries_again_what_was_refused(tried, tmp_path, monkeypatch):
    flag = tmp_path / "flag"
    flag.touch()
    tried.add("acme", f"import os\nif os.path.exists({str(flag)!r}): os._exit(1)\n" + GOOD)
    assert "ends the process" in reasons(survey()[1])["acme"][0]
    flag.unlink()
    assert "ends the process" in reasons(survey()[1])["acme"][0]
    assert reasons(survey(deep=True)[1])["acme"] == ()
    another_process(monkeypatch)
    sys.modules.pop("vstar_acme_module")
    assert reasons(survey()[1])["acme"] == ()


def test_all_that_are_new_are_tried_in_one_go(trials, tried):
    for name in ("one", "two", "three"):
        tried.add(name, GOOD)
    load_spec(STORY | {"plugins": ["one", "two", "three"]})
    assert trials == [["vstar_one_module", "vstar_two_module", "vstar_three_module"]]


def test_a_spec_without_plugins_tries_nothing_and_so_does_what_is_switched_off(trials, tried, monkeypatch):
    tried.add("acme", DIES)
    load_spec(STORY)
    monkeypatch.setenv("VSTAR_PLUGINS", "")
    assert {record.name: record.state for record in survey(deep=True)[1]}["acme"] == "off"
    assert trials == []


def test_help_tries_nothing(tried, tmp_path):
    tried.add("acme", DIES, commands=["hello"])
    result = tried.vstar("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "hello" in result.stdout
    assert not (tmp_path / "cache").exists()


def test_what_a_host_passes_is_not_tried(trials, tried):
    class Host:
        @hookimpl
        def register_regularizers(self, register):
            from vstar_sdk import RegularizerOptions

            register("part", options=RegularizerOptions, factory="never_imported:Part", summary="A part.")

    (tried.folder / "never_imported.py").write_text("class Part: ...")
    catalog = Catalog()
    catalog.add(given(Host()))
    catalog.part("regularizers", "host/part").load()
    assert trials == []


def test_nothing_is_tried_inside_a_trial(tried, tmp_path, trials, monkeypatch):
    seen = tmp_path / "seen"
    tried.add("acme", f"import os, pathlib\npathlib.Path({str(seen)!r}).write_text(os.environ['VSTAR_PROBING'])")
    target = Target("vstar_acme_module", "vstar-acme 1.2")
    gate.faults([target])
    monkeypatch.setenv("VSTAR_PROBING", seen.read_text())
    another_process(monkeypatch)
    (tried.folder / "vstar_acme_module.py").write_text("changed = 1")
    assert gate.faults([Target(target.value, target.distribution)]) == {target: None}
    assert len(trials) == 1


@pytest.mark.parametrize(("name", "value"), [("executable", "/opt/editor/editor"), ("executable", ""), ("frozen", True)])
def test_a_program_that_embeds_python_is_not_started(tried, trials, monkeypatch, name, value):
    tried.add("acme", DIES)
    monkeypatch.setattr(sys, name, value, raising=False)
    gate.faults([Target("vstar_acme_module", "vstar-acme 1.2")])
    assert trials == []


def test_where_no_process_can_be_started_a_warning_says_so(tried, monkeypatch, caplog):
    tried.add("acme", GOOD)

    def refuse(*_, **__):
        raise PermissionError("not here")

    monkeypatch.setattr(trial.subprocess, "Popen", refuse)
    assert discovery.load(["acme"])[0].hooks == ("on_step",)
    assert "imported untested, because no child process can be started: not here" in caplog.text


@pytest.mark.parametrize("written", ["soon", "-1", "nan", "1e9"])
def test_a_limit_that_is_none_is_refused(tried, monkeypatch, written):
    monkeypatch.setenv("VSTAR_PROBE_SECONDS", written)
    with pytest.raises(PluginError, match=f"VSTAR_PROBE_SECONDS is '{re.escape(written)}', not a number of seconds"):
        gate.faults([])


# --- the memory


def test_a_cache_that_cannot_be_written_costs_only_another_trial(trials, tried, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path / "file"))
    tried.add("acme", DIES)
    target = Target("vstar_acme_module", "vstar-acme 1.2")
    assert gate.faults([target])[target] == gate.faults([target])[target] == "the import ends the process, with exit code 0"
    assert len(trials) == 1
    another_process(monkeypatch)
    gate.faults([target])
    assert len(trials) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"state": 3, "fault": null}', "\0\xff", '{"state": "x", "fault": 3}'])
def test_a_damaged_memory_is_made_anew(tried, monkeypatch, damage):
    trials = []

    def run(targets, seconds):
        trials.append(targets)
        return [None]

    monkeypatch.setattr(trial, "run", run)
    tried.add("acme", GOOD)
    target = Target("vstar_acme_module", "vstar-acme 1.2")
    for _ in range(2):
        gate.faults([target])
        (file,) = cache_folder("plugins").iterdir()
        assert json.loads(file.read_text())["fault"] is None
        file.write_text(damage, encoding="latin-1")
        another_process(monkeypatch)
    assert len(trials) == 2


# --- the state of files


def test_a_package_is_known_by_every_file_of_its_code(tried):
    inner = tried.folder / "acme" / "inner"
    inner.mkdir(parents=True)
    for path in (inner.parent / "__init__.py", inner / "__init__.py", inner / "deep.py"):
        path.write_text("")
    target = Target("acme.inner:thing", "acme 1")
    first = target.state()
    (inner / "__pycache__").mkdir()
    (inner / "__pycache__" / "deep.pyc").write_text("")
    (inner / "notes.txt").write_text("")
    (inner / ".#deep.py").symlink_to("someone@host.1234")  # an editor's mark
    assert target.state() == first
    (inner / "deep.py").write_text("x = 1")
    assert target.state() != first


def test_of_a_namespace_that_packages_share_only_the_own_part_counts(tried):
    own = tried.folder / "shared_space" / "own"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("")
    assert Target("shared_space.own.module", "own 1").roots == (own,)


@pytest.mark.parametrize("value", ["no_such_module", "", "a..b", "no_such.module:attribute"])
def test_what_is_not_found_is_not_tried(trials, value):
    target = Target(value, "acme 1")
    assert gate.faults([target]) == {target: None}
    assert trials == []
