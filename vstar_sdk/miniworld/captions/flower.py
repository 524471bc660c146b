"""A flower that opens."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

COLOURS = ("red", "orange", "yellow", "pink", "purple", "blue", "white")
NOUNS = ("flower", "flowers", "rose", "tulip", "daisy", "petals", "petal", "bud")

FAMILY = Family(
    name="flower",
    subject="a {colour} flower",
    nouns=NOUNS,
    keys=(
        Key(
            "bud",
            0.0,
            ("closed", "budding"),
            ("{subject} is a closed bud", "the petals of {subject} are closed", "the small bud of {subject}"),
        ),
        Key(
            "half open",
            0.5,
            ("opening", "half-open"),
            ("{subject} is half open", "the petals of {subject} are half open", "the opening petals of {subject}"),
        ),
        Key(
            "bloom",
            1.0,
            ("open", "opened", "blooming", "blossom", "wide open", "full bloom"),
            ("{subject} is in full bloom", "the petals of {subject} are wide open", "the great bloom of {subject}"),
        ),
    ),
    arcs=(
        Arc(
            ("opens", "opens up", "blooms", "blossoms", "unfolds", "grows", "opening up", *(f"{noun} opening" for noun in NOUNS)),
            "bud",
            "bloom",
            ("{subject} opens", "{subject} blooms"),
        ),
        Arc(("closes", "closes up", "folds", "shuts"), "bloom", "bud", ("{subject} closes",)),
    ),
    colours=COLOURS,
)
