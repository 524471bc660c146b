"""A landscape through the seasons."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

FAMILY = Family(
    name="landscape",
    subject="a landscape",
    nouns=(
        *("landscape", "countryside", "hills", "hill", "valley", "meadow", "meadows", "village", "forest", "woods"),
        *("orchard", "garden", "woodland", "wood", "grove", "pasture", "prairie", "farmland", "farm"),
        *("steppe", "vineyard", "hamlet", "path", "trail", "glade"),
        *("mountains", "field", "fields", "tree", "trees", "scenery", "park", "nature", "seasons", "season", "year"),
    ),
    keys=(
        Key(
            "winter",
            0.0,
            (
                *("wintertime", "wintry", "snow", "snowy", "frost", "frosty", "midwinter", "january"),
                *("december", "snowfall", "snowing", "frozen", "wintery"),
            ),
            (
                "{subject} in winter, white snow covers the hills",
                "{subject} in the cold winter",
                *("a winter landscape with snow and frost", "hills and trees in winter"),
                *("snow on the fields, it is winter", "a snowy winter day in the countryside"),
            ),
        ),
        Key(
            "spring",
            0.25,
            ("springtime", "blossom", "blossoms", "blossoming", "april"),
            (
                "{subject} in spring, pink blossom covers the trees",
                "{subject} in the fresh spring",
                *("a spring landscape with blossom and grass", "hills and trees in spring"),
                *("blossom on the trees, it is spring", "a fresh spring day in the countryside"),
            ),
        ),
        Key(
            "summer",
            0.5,
            ("summertime", "midsummer", "july", "august"),
            (
                "{subject} in summer, green leaves cover the trees",
                "{subject} in the warm summer",
                *("a summer landscape with leaves and blue sky", "hills and trees in summer"),
                *("green grass on the fields, it is summer", "a sunny summer day in the countryside"),
            ),
        ),
        Key(
            "autumn",
            0.75,
            ("fall", "autumnal", "october", "november", "falling leaves"),
            (
                "{subject} in autumn, orange leaves cover the trees",
                "{subject} in the golden autumn",
                *("an autumn landscape with leaves and golden sky", "hills and trees in autumn"),
                *("orange leaves on the trees, it is autumn", "a golden autumn day in the countryside"),
            ),
        ),
    ),
    arcs=(
        Arc(
            ("through the year", "the seasons", "four seasons", "a year", "year goes by", "year passes", "whole year"),
            "winter",
            "autumn",
            ("{subject} through the year",),
        ),
        Arc(
            ("snow melts", "comes to life", "blossoms", "blooms", "snow disappears", "ice melts"),
            "winter",
            "spring",
            ("the snow melts",),
            verbs=("snow melt*", "thaw", "snow vanish*", "turn green"),
        ),
        Arc(
            ("leaves turn", "turns orange", "turns golden"),
            "summer",
            "autumn",
            verbs=(
                *("leaves turn*", "leaves change*", "turn orange", "turn golden", "turn brown", "leaves turn* orange"),
                *("leaves turn* golden", "leaves turn* brown", "leaves turn* red", "leaves turn* yellow"),
            ),
        ),
        Arc(
            (
                *("leaves fall", "snow falls", "winter comes", "winter is coming", "lose their leaves"),
                *("it snows", "snow begins to fall", "begins to snow", "starts to snow"),
            ),
            "autumn",
            "winter",
            ("winter comes to {subject}",),
            verbs=("freeze",),
        ),
    ),
    cyclic=True,
    pans=True,
)
