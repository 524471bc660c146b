"""What differs between two specs."""

import pytest

from vstar_sdk.spec.differences import ABSENT, Difference, differences

WAS = {"seed": 3, "synopsis": {"states": ["a", {"caption": "b"}]}, "sigma": {0: 1}}


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (WAS, []),
        (WAS | {"seed": 4}, [Difference(("seed",), 3, 4)]),
        (WAS | {"frames": 8}, [Difference(("frames",), ABSENT, 8)]),
        (WAS | {"sigma": {0: 2}}, [Difference(("sigma", 0), 1, 2)]),
        (
            WAS | {"synopsis": {"states": ["c"]}},
            [Difference(("synopsis", "states", 0), "a", "c"), Difference(("synopsis", "states", 1), {"caption": "b"}, ABSENT)],
        ),
        (WAS | {"synopsis": None}, [Difference(("synopsis",), WAS["synopsis"], None)]),
        (WAS | {"seed": True}, [Difference(("seed",), 3, True)]),
    ],
)
def test_every_key_that_differs_is_named_once(now, found):
    assert list(differences(WAS, now)) == found


def test_values_are_short_and_in_one_line():
    was, now = Difference(("prompt",), "x" * 100, "a\nb\x1b").values
    assert (len(was), now) == (60, '"a\\nb\\u001b"')
    assert Difference(("seed",), ABSENT, 1).values == ("nothing", "1")
