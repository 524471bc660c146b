"""A flower that opens."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

COLOURS = ("red", "orange", "yellow", "pink", "purple", "blue", "white")
_ONE = (
    *("flower", "rose", "tulip", "daisy", "poppy", "lily", "lotus", "peony", "orchid", "dahlia", "sunflower"),
    *("petal", "bud", "carnation", "magnolia", "iris", "hibiscus", "daffodil", "crocus", "marigold", "chrysanthemum"),
)
_MANY = (
    *("flowers", "roses", "tulips", "daisies", "poppies", "lilies", "peonies", "orchids", "dahlias", "sunflowers"),
    *("petals", "buds", "carnations", "magnolias", "irises", "daffodils", "crocuses", "marigolds", "chrysanthemums"),
)
NOUNS = (*_ONE, *_MANY)


def _phrases(nouns: tuple[str, ...], *verbs: str) -> tuple[str, ...]:
    """Every noun with every verb: a verb form that means a change only right after its noun."""
    return tuple(f"{noun} {verb}" for noun in nouns for verb in verbs)


FAMILY = Family(
    name="flower",
    subject="a {colour} flower",
    nouns=NOUNS,
    keys=(
        Key(
            "bud",
            0.0,
            ("closed", "budding", "buds", "shut", "unopened", "not yet open", "tight bud", "folded"),
            (
                "{subject} is a closed bud",
                "the petals of {subject} are closed",
                "the tight bud of {subject}",
                "{subject}, still a bud, in the dim light",
                "close up of {subject}, a closed bud",
                "{subject} with closed petals",
            ),
        ),
        Key(
            "half open",
            0.5,
            ("opening", "half-open", "half opened", "half way open", "halfway open", "partly open", "unfolding"),
            (
                "{subject} is half open",
                "the petals of {subject} are half open",
                "the opening petals of {subject}",
                "{subject}, now half open, in the soft light",
                "close up of {subject}, half open",
                "{subject} with half open petals",
            ),
        ),
        Key(
            "bloom",
            1.0,
            (
                *("open", "opened", "wide open", "fully open", "fully opened", "full bloom", "in bloom", "bloomed"),
                *("blooming", "blossom", "blossoming", "blossomed", "flowering", "unfolded"),
            ),
            (
                "{subject} is in full bloom",
                "the petals of {subject} are wide open",
                "the great bloom of {subject}",
                "{subject}, now wide open, in the warm light",
                "close up of {subject}, fully open",
                "{subject} with wide open petals",
            ),
        ),
    ),
    arcs=(
        Arc(
            (
                *("opens", "opens up", "opening up", "blooms", "blossoms", "unfolds", "unfold", "unfurls", "unfurl"),
                *("grows", "grow", "bursts into bloom", "comes into bloom", "starts to bloom", "begins to bloom"),
                *("starts blooming", "begins blooming", "opening of", "blooming of", "blossoming of", "unfolding of"),
                *_phrases(NOUNS, "opening", "blooming", "blossoming", "unfolding", "unfurling", "growing"),
                *_phrases(_MANY, "open", "open up", "bloom", "blossom", "spread"),
            ),
            "bud",
            "bloom",
            ("{subject} opens", "{subject} blooms", "the petals of {subject} unfold", "a bud opens into {subject}"),
            verbs=(
                *("open", "bloom", "blossom", "unfold", "unfurl", "grow", "burst into bloom", "burst open"),
                *("buds burst*", "come into bloom", "start to bloom"),
            ),
        ),
        Arc(
            (
                *("closes", "closes up", "to close", "loses its petals", "lose their petals", "will close"),
                *("closing", "closing up", "folds", "folds up", "fold", "shuts", "wilts", "wilt"),
                *("wilting", "withers", "wither", "withering", "dies", "dying", "falls asleep", "goes to sleep"),
                *_phrases(_MANY, "close", "close up", "shut", "fall", "drop"),
            ),
            "bloom",
            "bud",
            ("{subject} closes", "{subject} closes up", "the petals of {subject} fold", "{subject} shuts its petals"),
            verbs=(
                *("close", "fold", "shut", "wilt", "wither", "die", "fade away", "droop", "fall asleep"),
                *("go to sleep", "shrivel"),
            ),
        ),
        Arc(
            ("begins to open", "starts to open", "begins opening", "starts opening", "half opens"),
            "bud",
            "half open",
            ("{subject} begins to open", "{subject} starts opening"),
        ),
        Arc(
            ("keeps opening", "opens further", "goes on opening"),
            "half open",
            "bloom",
            ("{subject} keeps opening", "{subject} opens further"),
        ),
    ),
    colours=COLOURS,
    verbs=("bloom", "unfurl", "wilt", "wither"),
)
