"""A plugin's regularizer with a memory: through the boundary in a run, and what is told when it breaks its contract."""

from __future__ import annotations

from typing import Any

import pytest

from vstar_sdk import Bias, PluginError, Regularizer, RegularizerOptions, RememberingRegularizer, load_spec
from vstar_sdk.plugin.boundary.calls import Origin
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.runs.plan import make_plan

STORY = {"prompt": "a volcano wakes up", "frames": 4, "synopsis": {"use": "miniworld", "states": 2}, "sampling": {"steps": 3}}

PLUGIN = """
    from vstar_sdk import Bias, RegularizerOptions, hookimpl
    class Memory:
        def __init__(self):
            self.seen = []
        def observe(self, site, moment, attention):
            assert abs(float(attention.sum()) - site.frames) < 1e-3
            self.seen.append(float(attention.diagonal().mean()))
        def strength(self, site, moment):
            return {strength}
    class Part:
        def __init__(self, options):
            self.options = options
        def operations(self, site):
            return [Bias(lambda distance: -distance.abs())] if site.block != "init" else []
        def watches(self, site):
            return {watches}
        def begin(self, sites, steps):
            return {memory}
    @hookimpl
    def register_regularizers(register):
        register("part", options=RegularizerOptions, factory=Part, summary="Far frames weigh less.")
"""


def plugin(strength="1.0 - self.seen[-1] if self.seen else 1.0", watches="(0.0, 1.0)", memory="Memory()"):
    return PLUGIN.format(strength=strength, watches=watches, memory=memory)


def run(session, **more: Any):
    return session.run(STORY | {"regularizers": [{"use": "acme/part", **more}]})


def test_a_run_with_it_is_another_than_without_and_the_same_again(packages, session):
    packages.add("acme", plugin())
    packages.add("still", plugin(strength="1.0"))
    following = run(session).latents
    assert (run(session).latents == following).all()
    constant = session.run(STORY | {"regularizers": [{"use": "still/part"}]}).latents
    assert not (constant == following).all()
    assert (run(session, strength=0).latents == session.run(STORY | {"regularizers": []}).latents).all()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"strength": "float('nan')"}, r"its strength\(\) returned nan"),
        ({"strength": "-0.5"}, r"its strength\(\) returned -0.5"),
        ({"strength": "self.seen"}, r"its strength\(\) returned a list, not a number"),
        ({"strength": "1 / 0"}, r"failed in strength\(\): ZeroDivisionError"),
        ({"memory": "None"}, r"its begin\(\) returned None instead of a vstar_sdk.Memory: it has no observe\(\), strength\(\)"),
        ({"memory": "Memory"}, r"its begin\(\) returned the class Memory instead of an object: a vstar_sdk.Memory"),
    ],
)
def test_what_its_memory_does_wrong_ends_the_run_by_name(packages, session, broken, told):
    packages.add("acme", plugin(**broken))
    with pytest.raises(PluginError, match=rf"regularizers\[0\]: acme/part \(vstar-acme 1\.2\)(:)? {told}"):
        run(session)


@pytest.mark.parametrize(
    ("watches", "told"),
    [
        ("True", r"returned a bool, not a window of two fractions, or None"),
        ("(0.5, 0.2)", r"returned the window \[0.5, 0.2\]"),
        ("(0.0, 2.0)", r"returned the window \[0, 2\]"),
        ("'ab'", r"returned a str, not a window"),
        ("(0.0, float('nan'))", r"returned a tuple, not a window"),
    ],
)
def test_what_is_no_window_is_told_with_the_plan(packages, watches, told):
    packages.add("acme", plugin(watches=watches))
    with pytest.raises(PluginError, match=rf"acme/part \(vstar-acme 1\.2\): its watches\(\) {told}"):
        make_plan(load_spec(STORY | {"regularizers": [{"use": "acme/part"}]}))


class Half:
    """A memory that nobody would ask."""

    options = RegularizerOptions()

    def operations(self, site):
        return [Bias(lambda distance: -distance.abs())]

    def begin(self, sites, steps):
        return None


def test_half_a_memory_is_told():
    from vstar_sdk.testing.regularizers import check_regularizer

    with pytest.raises(PluginError, match=r"regularizer 'Half' has begin\(\) alone"):
        check_regularizer(Half())


def test_what_the_boundary_holds_is_still_known_as_remembering():
    class Whole(Half):
        def watches(self, site):
            return None

    origin = Origin("acme/part (vstar-acme 1.2)")
    given: list[Regularizer] = [Half(), Whole()]
    found = [isinstance(KINDS["regularizers"].promises.contain(one, origin), RememberingRegularizer) for one in given]
    assert found == [False, True]
