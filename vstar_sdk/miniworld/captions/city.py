"""A city from day to night."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import CITY_NAMES, SUN_RISES, SUN_SETS

FAMILY = Family(
    name="city",
    subject="a city",
    nouns=(
        *("city", "town", "skyline", "buildings", "building", "street", "streets", "downtown", "skyscrapers"),
        *("houses", "metropolis"),
        *("cities", "neighborhood", "skyscraper", "megacity", "boulevard", "avenue", "rooftops", "cityscape"),
        *("high-rise", "suburb", "neighbourhood"),
        *("capital", "townscape", "manhattan", *CITY_NAMES),
    ),
    keys=(
        Key(
            "day",
            0.0,
            (
                *("daytime", "daylight", "noon", "midday", "afternoon", "morning", "sunny", "bright sun", "blue sky"),
                *("sun shines", "sun stands high", "sunrise", "dawn", "daybreak", "lunchtime", "broad day"),
            ),
            (
                "{subject} by day, buildings under a blue sky",
                "{subject} in the bright day",
                "tall buildings and a street by day",
                "a street with houses in the bright sun",
                "the sun stands high over {subject}, it is day",
                "a skyline under a blue sky",
            ),
        ),
        Key(
            "dusk",
            0.5,
            ("sunset", "evening", "twilight", "sundown", "orange sky", "nightfall", "gloaming", "rush hour", "setting sun"),
            (
                "{subject} at dusk, buildings under an orange sky",
                "{subject} in the warm evening",
                "tall buildings and a street at dusk",
                "a street with houses in the orange evening sun",
                "the sun is low over {subject}, it is dusk",
                "a skyline under an orange sky",
            ),
            then="night",
        ),
        Key(
            "night",
            1.0,
            (
                *("midnight", "nighttime", "lights", "lit", "neon", "dark", "after dark", "after sunset", "before dawn"),
                *("before sunrise", "moonlight", "moonlit", "moon", "nocturnal", "streetlights"),
                *("streetlamps", "sleeps", "asleep", "sleeping"),
            ),
            (
                "{subject} at night, bright windows under a dark sky",
                "{subject} in the dark night",
                "tall buildings and bright windows at night",
                "a street with houses and lights in the dark",
                "the moon shines over {subject}, it is night",
                "a skyline with lights under a dark sky",
            ),
        ),
    ),
    arcs=(
        Arc(
            (
                *("sun sets", "sun goes down", "night falls", "lights come on", "lights go on", "lights up", "gets dark"),
                *("darkness falls", "moon rises", "moon comes up", "falls asleep", "goes to sleep"),
            ),
            "day",
            "night",
            ("the sun sets over {subject}",),
            verbs=(*SUN_SETS, "light up", "get dark", "grow dark", "darken"),
        ),
        Arc(
            ("sun rises", "sun comes up", "sun goes up", "wakes up", "night ends", "day breaks", "the day begins"),
            "night",
            "day",
            ("{subject} wakes up",),
            verbs=("wake up", "awaken", *SUN_RISES, "grow light", "get light"),
        ),
    ),
    pans=True,
)
