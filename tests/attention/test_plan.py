"""The plan says what happens where and when, and refuses what would silently do nothing."""

import subprocess
import sys

import pytest

from vstar_sdk.attention.check import check_regularizer
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.operations import Bias, Logits, Mix, Scale, Wrap
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recipe import Act, lower
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import PluginError, SpecError
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

ADDRESSES = (
    SiteAddress("init.attn1", "init", 0, 8, 16),
    SiteAddress("down.0.attn1", "down", 0, 2, 16),
    SiteAddress("down.1.attn1", "down", 1, 4, 16),
    SiteAddress("mid.attn1", "mid", 1, 4, 16),
    SiteAddress("up.1.attn1", "up", 0, 2, 16),
)


class Fading:
    """A plain bias everywhere, after the middle of the schedule."""

    def __init__(self, **options):
        self.options = RegularizerOptions(**{"window": (0.4, 1.0), **options})

    def operations(self, site):
        return [Bias(lambda d: -d.abs())]


class Silent:
    options = RegularizerOptions()

    def operations(self, site):
        return []


def plan(*regularizers, steps: int | None = 25):
    return plan_attention(ADDRESSES, regularizers, Clock(16, 8.0), steps)


def test_the_summary_puts_sites_with_the_same_fate_in_one_line():
    assert plan(Tar(TarOptions(sigma={1: 8}))).summary(25).splitlines() == [
        "level 1, 2 sites: steps 0-13 row statistics (Tar); steps 14-24 sdpa",
        "3 sites untouched",
    ]


@pytest.mark.parametrize(
    ("window", "steps", "inside"),
    [
        ((0.0, 0.56), 25, range(14)),
        ((0.0, 0.56), 50, range(28)),
        ((0.0, 1.0), 7, range(7)),
        ((0.5, 1.0), 7, range(4, 7)),
        ((0.0, 0.01), 25, range(0)),
    ],
)
def test_windows_are_fractions_of_the_schedule(window, steps, inside):
    assert steps_inside(window, steps) == inside


def test_neighbouring_windows_leave_no_step_out_and_share_none():
    for steps in range(1, 60):
        cut = [steps_inside(window, steps) for window in ((0.0, 0.3), (0.3, 0.56), (0.56, 1.0))]
        assert [step for part in cut for step in part] == list(range(steps))


def test_tar_touches_the_levels_that_it_names_and_never_the_first_transformer():
    touched = [site.site.name for site in plan(Tar(TarOptions(sigma={0: 4}))).sites]
    assert touched == ["down.0.attn1", "up.1.attn1"]


def test_the_description_says_which_execution_runs_in_which_steps():
    described = plan(Tar(TarOptions(sigma={1: 8})), Fading()).describe(25).splitlines()
    assert described == [
        "init.attn1    level 0 init  8 x 16  steps 0-9 sdpa; steps 10-24 masked sdpa (Fading)",
        "down.0.attn1  level 0 down  2 x 16  steps 0-9 sdpa; steps 10-24 masked sdpa (Fading)",
        "down.1.attn1  level 1 down  4 x 16  steps 0-9 row statistics (Tar); steps 10-13 row statistics (Tar, Fading); "
        "steps 14-24 masked sdpa (Fading)",
        "mid.attn1     level 1 mid   4 x 16  steps 0-9 row statistics (Tar); steps 10-13 row statistics (Tar, Fading); "
        "steps 14-24 masked sdpa (Fading)",
        "up.1.attn1    level 0 up    2 x 16  steps 0-9 sdpa; steps 10-24 masked sdpa (Fading)",
        "0 sites untouched",
    ]


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([], "sdpa"),
        ([Scale(q=1.2)], "scaled sdpa"),
        ([Logits(lambda logits, distance: None)], "changed logits"),
        ([Logits(lambda logits, distance: None), Bias(abs, stat="max"), Scale(q=2.0)], "scaled changed logits"),
        ([Wrap(lambda *given: given[1])], "wrapped sdpa"),
        ([Mix(abs), Wrap(lambda *given: given[1])], "wrapped a map"),
        ([Bias(abs), Mix(abs, 0.5)], "masked sdpa mixed with a map"),
        ([Bias(abs), Bias(abs, stat="spread"), Scale(k=0.5)], "scaled row statistics"),
        ([Bias(abs, stat="max"), Mix(abs)], "a map"),
    ],
)
def test_the_execution_is_told_in_words(operations, words):
    assert lower([Act("it", (0.0, 1.0), tuple(operations))], "factorised").words == words


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (lambda site: site.no_such_thing, r"regularizer 'Broken' at init.attn1 failed: AttributeError"),
        (lambda site: [lambda d: d], "gave a function, which is not an operation"),
    ],
)
def test_a_regularizer_that_breaks_its_contract_is_named(operations, message):
    class Broken:
        options = RegularizerOptions()

        def operations(self, site):
            return operations(site)

    with pytest.raises(PluginError, match=message):
        plan(Broken())


def test_without_regularizers_every_site_is_untouched():
    assert plan().describe(25) == "5 sites untouched"


def test_a_level_that_the_model_does_not_have_is_refused():
    with pytest.raises(SpecError) as refused:
        plan(Fading(), Tar(TarOptions(sigma={0: 1, 2: 8})))
    assert refused.value.path == ("regularizers", 1, "sigma")
    assert refused.value.message == "Tar: the model has no temporal attention at level 2; it has levels 0, 1"


def test_a_check_alone_gives_the_path_below_the_regularizers_own_options():
    with pytest.raises(SpecError) as refused:
        check_regularizer(Tar(TarOptions(sigma={5: 8})), ADDRESSES, Clock(16, 8.0))
    assert refused.value.path == ("sigma",)


def test_a_regularizer_that_touches_nothing_is_refused():
    with pytest.raises(SpecError, match="Silent: has no operation at any of the model's 5 temporal attentions") as refused:
        plan(Silent())
    assert refused.value.path == ("regularizers", 0)


def test_a_window_without_a_step_is_refused():
    with pytest.raises(SpecError, match=r"the window \[0, 0.01\] holds none of 25 steps") as refused:
        plan(Fading(window=(0.0, 0.01)))
    assert refused.value.path == ("regularizers", 0, "window")


def test_windows_are_not_judged_while_the_number_of_steps_is_unknown():
    assert len(plan(Fading(window=(0.0, 0.01)), steps=None).sites) == 5


def test_planning_needs_no_torch():
    rooms = "vstar_sdk.attention.plan, vstar_sdk.regularizers.tar, vstar_sdk.models.unet3d.source"
    code = f"import sys; import {rooms}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class Replacing:
    """Puts a map in the place of the attention."""

    def __init__(self, weight=1.0, **options):
        self.options, self.weight = RegularizerOptions(**options), weight

    def operations(self, site):
        return [Mix(lambda d: (d == 0).to(d), self.weight)]


@pytest.mark.parametrize(
    ("regularizers", "lost"),
    [
        ([Fading(), Replacing()], 0),
        ([Replacing(), Fading()], 1),
        ([Replacing(weight=0.5), Replacing()], 0),
        ([Replacing(), Tar(TarOptions(sigma={1: 8}))], 1),
    ],
)
@pytest.mark.parametrize("steps", [25, None])
def test_a_regularizer_whose_work_another_would_undo_is_refused(regularizers, lost, steps):
    with pytest.raises(SpecError, match=r"has no effect where Replacing replaces all attention, as at") as caught:
        plan(*regularizers, steps=steps)
    assert caught.value.path == ("regularizers", lost)


@pytest.mark.parametrize(
    "regularizers",
    [
        [Fading(), Replacing(window=(0.0, 0.4))],
        [Fading(), Replacing(weight=0.5)],
        [Replacing(), Replacing(weight=0.5)],
    ],
)
def test_what_never_meets_or_is_only_mixed_is_allowed(regularizers):
    assert plan(*regularizers).sites


class Sharpening:
    """Scales the queries, and adds a bias where it is asked to."""

    def __init__(self, *more):
        self.options, self.more = RegularizerOptions(), more

    def operations(self, site):
        return [Scale(q=2.0), *self.more]


def test_where_a_map_replaces_the_attention_scales_act_at_joint_sites_alone():
    def joint(*regularizers):
        return plan_attention(
            [SiteAddress("blocks.0.attn1", "stack", 0, 2, 16, kind="joint", index=0)], regularizers, Clock(8, 8.0)
        )

    assert joint(Sharpening(), Replacing()).sites[0].stretches(4)[0].words == "scaled a map"
    assert joint(Replacing(), Sharpening()).sites
    with pytest.raises(SpecError, match="Sharpening: has no effect where Replacing replaces"):
        joint(Sharpening(Bias(lambda d: -d.abs())), Replacing())
    with pytest.raises(SpecError, match="Sharpening: has no effect where Replacing replaces"):
        plan(Sharpening(), Replacing())
