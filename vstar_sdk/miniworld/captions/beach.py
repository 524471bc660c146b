"""A beach through the day."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import SUN_RISES, SUN_SETS

FAMILY = Family(
    name="beach",
    subject="a beach",
    nouns=(
        *("beach", "sea", "ocean", "shore", "seashore", "coast", "seaside", "island", "waves", "sand"),
        *("palm", "palms", "boat", "boats", "sailboat", "lagoon", "bay", "cove", "surf", "shoreline", "coastline", "beachfront"),
        *("oceanside", "dune", "dunes", "tide", "sandy", "beaches", "harbour", "harbor"),
    ),
    keys=(
        Key(
            "dawn",
            0.0,
            ("sunrise", "daybreak", "morning", "sunup", "first light", "break of day"),
            (
                "{subject} at dawn, a pink sky over the sea",
                "{subject} in the early morning",
                *("dawn over the beach and the calm sea", "palms and sand at dawn"),
                *("the sun comes up over the beach, it is dawn", "a pink morning at the seaside"),
            ),
        ),
        Key(
            "noon",
            0.25,
            ("midday", "day", "daytime", "daylight", "afternoon", "sunny", "sun shines", "sun stands high", "lunchtime"),
            (
                "{subject} at noon, a blue sky over the sea",
                "{subject} in the bright day",
                *("noon over the beach and the blue sea", "palms and sand at noon"),
                *("the sun stands high over the beach, it is noon", "a bright day at the seaside"),
            ),
        ),
        Key(
            "sunset",
            0.5,
            ("dusk", "evening", "sundown", "twilight", "nightfall", "gloaming", "setting sun"),
            (
                "{subject} at sunset, an orange sky over the sea",
                "{subject} in the warm evening",
                *("sunset over the beach and the red sea", "palms and sand at sunset"),
                *("the sun is low over the beach, it is sunset", "an orange evening at the seaside"),
            ),
        ),
        Key(
            "night",
            0.75,
            (
                *("midnight", "moonlight", "moon", "nighttime", "moonlit", "dark", "after dark", "after sunset", "before dawn"),
                *("before sunrise", "nocturnal", "starlight"),
            ),
            (
                "{subject} at night, a dark sky over the sea",
                "{subject} in the dark night",
                *("night over the beach and the dark sea", "palms and sand at night"),
                *("the moon shines over the beach, it is night", "a dark night at the seaside"),
            ),
        ),
    ),
    arcs=(
        Arc(
            ("a day at", "day passes", "whole day", "through the day", "day in the life", "day goes by"),
            "dawn",
            "night",
            ("a day passes over {subject}",),
        ),
        Arc(
            ("sun rises", "sun comes up", "sun goes up", "the day begins", "wakes up"),
            "dawn",
            "noon",
            ("the sun rises over {subject}",),
            verbs=(*SUN_RISES, "wake up", "awaken", "grow light", "get light"),
        ),
        Arc(
            ("sun sets", "sun goes down", "night falls", "gets dark", "darkness falls", "moon rises", "moon comes up"),
            "noon",
            "night",
            ("the sun sets over {subject}",),
            verbs=(*SUN_SETS, "get dark", "grow dark", "darken"),
        ),
        Arc(("night ends", "day breaks", "dawn breaks"), "night", "dawn", ("the night ends over {subject}",)),
    ),
    cyclic=True,
    pans=True,
)
