"""A volcano that wakes up, erupts and cools."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

FAMILY = Family(
    name="volcano",
    subject="a volcano",
    nouns=(
        *("volcano", "volcanoes", "volcanic", "crater", "lava", "magma", "caldera", "eruption", "mountain"),
        *("vesuvius", "etna", "stromboli", "krakatoa", "fuji", "kilauea", "popocatepetl", "pinatubo", "eyjafjallajokull"),
        *("mauna loa", "mount st helens", "santorini", "pelee", "tambora", "cotopaxi", "katla", "hekla", "merapi"),
    ),
    keys=(
        Key(
            "calm",
            0.0,
            (
                *("quiet", "sleeping", "asleep", "dormant", "peaceful", "sleep", "sleeps", "slept", "snowcapped", "inactive"),
                *("slumber", "slumbers", "slumbering", "at rest", "silent"),
            ),
            (
                "{subject} is calm under a blue sky",
                "a calm volcano with snow on top",
                "the calm mountain, {subject} in the sun",
                "{subject} sleeps, its top is white with snow",
                "a quiet mountain with a white top",
                "nothing stirs, {subject} is calm",
            ),
            then="erupting",
        ),
        Key(
            "smoking",
            1 / 3,
            (
                *("smoke", "smokes", "steam", "steaming", "rumbling", "smoky", "rumbles", "fumes", "fuming"),
                *("smoulders", "smouldering"),
            ),
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
            (
                *("lava", "magma", "eruption", "exploding", "explosion", "fire", "fiery", "burning", "erupts red lava"),
                *("active", "outburst", "ablaze", "lava flows", "lava runs", "lava pours", "glowing"),
            ),
            (
                "{subject} is erupting under a red sky",
                "an erupting volcano with lava on top",
                "the erupting mountain, {subject} in fire",
                "{subject} erupts, red lava runs down its sides",
                "a burning mountain with red lava",
                "fire and lava burst out of {subject}",
            ),
            then="cooled",
        ),
        Key(
            "cooled",
            1.0,
            ("cold", "black", "extinct", "dead", "cool", "ash", "ashes", "rock", "cooled down"),
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
            verbs=(
                *("wake", "wake up", "awaken", "erupt", "explode", "blow up", "spew", "spit", "burst"),
                *("break out", "come to life"),
            ),
        ),
        Arc(("life of", "erupts and cools", "wakes up and cools"), "calm", "cooled", ("{subject} erupts and cools",)),
        Arc(("begins to smoke", "starts to smoke", "starts smoking"), "calm", "smoking", ("{subject} starts smoking",)),
        Arc(
            ("cools", "cools down", "cooling down", "falls asleep", "dies", "calms down"),
            "erupting",
            "cooled",
            ("{subject} cools down",),
            verbs=("cool", "cool down", "cool off", "fall asleep", "go to sleep", "die", "die down", "calm down", "quieten"),
        ),
    ),
    verbs=("erupt", "spew"),
)
