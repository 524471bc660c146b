"""A ball that crosses the scene."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")

FAMILY = Family(
    name="ball",
    subject="a {colour} ball",
    nouns=("ball", "balls", "sphere", "globe", "marble"),
    keys=(
        Key("left", 0.0, (), ("{subject} is on the left side", "on the left there is {subject}", "{subject} at the left wall")),
        Key(
            "middle",
            0.5,
            ("center", "centre"),
            ("{subject} is in the middle", "in the middle there is {subject}", "{subject} at the center"),
        ),
        Key(
            "right", 1.0, (), ("{subject} is on the right side", "on the right there is {subject}", "{subject} at the right wall")
        ),
    ),
    arcs=(
        Arc(
            ("crosses", "crossing", "rolls", "bounces", "moves", "flies", "jumps", "to the right", "rolls across", "hops"),
            *("left", "right"),
            ("{subject} crosses the scene", "{subject} rolls to the right"),
        ),
        Arc(("rolls back", "comes back", "returns", "to the left"), "right", "left", ("{subject} rolls to the left",)),
    ),
    colours=COLOURS,
)
