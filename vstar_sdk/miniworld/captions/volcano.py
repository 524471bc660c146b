"""A volcano that wakes up, erupts and cools."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

FAMILY = Family(
    name="volcano",
    subject="a volcano",
    nouns=("volcano", "volcanoes", "volcanic", "crater", "lava", "eruption", "mountain"),
    keys=(
        Key(
            "calm",
            0.0,
            ("quiet", "sleeping", "asleep", "dormant", "peaceful", "sleep", "sleeps", "snowcapped"),
            (
                "{subject} is calm under a blue sky",
                "a calm volcano with snow on top",
                "the calm mountain, {subject} in the sun",
                "{subject} sleeps, its top is white with snow",
                "a quiet mountain with a white top",
                "nothing stirs, {subject} is calm",
            ),
        ),
        Key(
            "smoking",
            1 / 3,
            ("smoke", "smokes", "steam", "steaming", "rumbling"),
            (
                "{subject} is smoking under a grey sky",
                "a smoking volcano with grey smoke on top",
                "the smoking mountain, {subject} under clouds",
                "{subject} smokes, grey smoke rises from its top",
                "a mountain with a cloud of grey smoke",
                "smoke rises from {subject}",
            ),
        ),
        Key(
            "erupting",
            2 / 3,
            ("lava", "eruption", "exploding", "explosion", "fire", "burning", "erupts red lava"),
            (
                "{subject} is erupting under a red sky",
                "an erupting volcano with lava on top",
                "the erupting mountain, {subject} in fire",
                "{subject} erupts, red lava runs down its sides",
                "a burning mountain with red lava",
                "fire and lava burst out of {subject}",
            ),
        ),
        Key(
            "cooled",
            1.0,
            ("cold", "black", "extinct", "dead", "cool", "ash", "rock"),
            (
                "{subject} is cooled under a pale sky",
                "a cooled volcano with black rock on top",
                "the cooled mountain, {subject} in black",
                "{subject} has cooled, its sides are black rock",
                "a cold mountain of black rock",
                "all is black, {subject} is cold",
            ),
        ),
    ),
    arcs=(
        Arc(
            ("wakes up", "wakes", "awakens", "awakes", "waking up", "erupts", "explodes"),
            "calm",
            "erupting",
            ("{subject} wakes up",),
        ),
        Arc(("life of", "erupts and cools", "wakes up and cools"), "calm", "cooled", ("{subject} erupts and cools",)),
        Arc(("begins to smoke", "starts to smoke", "starts smoking"), "calm", "smoking", ("{subject} starts smoking",)),
        Arc(
            ("cools", "cools down", "cooling down", "falls asleep", "dies", "calms down"),
            "erupting",
            "cooled",
            ("{subject} cools down",),
        ),
    ),
)
