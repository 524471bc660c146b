"""A hot-air balloon that rises from a meadow to the stars."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white")

FAMILY = Family(
    name="balloon",
    subject="a {colour} balloon",
    nouns=(
        "balloon",
        "balloons",
        *("hot-air", "hot air balloon", "airship", "airships", "zeppelin", "zeppelins", "blimp", "ballooning"),
        *("dirigible", "aerostat", "montgolfier"),
    ),
    keys=(
        Key(
            "ground",
            0.0,
            ("meadow", "grass", "on the field", "on the earth", "fence", "lawn", "pasture"),
            (
                "{subject} stands on a green meadow",
                "{subject} on the ground",
                "the basket of {subject} touches the grass",
                "{subject} at rest, grass and trees below",
                "a meadow with {subject} on the grass",
                "low down, {subject} waits on the ground",
            ),
        ),
        Key(
            "hills",
            1 / 3,
            ("hill", "hilltops", "treetops", "countryside", "valley", "over the fields", "low sky"),
            (
                "{subject} floats above the green hills",
                "{subject} over the hills",
                "the basket of {subject} passes the hills",
                "{subject} in the air, small hills below",
                "hills with {subject} in the air",
                "up in the air, {subject} glides over the hills",
            ),
        ),
        Key(
            "clouds",
            2 / 3,
            ("cloud", "cloudy", "cloudscape"),
            (
                "{subject} flies among white clouds",
                "{subject} in the clouds",
                "the basket of {subject} brushes the clouds",
                "{subject} in the sky, big clouds around",
                "clouds with {subject} in the sky",
                "high up, {subject} sails between the clouds",
            ),
        ),
        Key(
            "stars",
            1.0,
            ("star", "starry", "outer space", "space", "planet", "planets", "cosmos", "galaxy", "stratosphere"),
            (
                "{subject} is high among the stars",
                "{subject} under the stars",
                "the basket of {subject} hangs near the stars",
                "{subject} in outer space, bright stars around",
                "stars with {subject} in the dark",
                "very high, {subject} drifts among the stars",
            ),
        ),
    ),
    arcs=(
        Arc(
            (
                *("rises", "rise", "rising", "takes off", "take off", "taking off", "lifts off", "lift off", "lifting off"),
                *("flies up", "flying up", "floats up", "floating up", "goes up", "going up", "ascends", "ascending", "climbs"),
                *("soars", "starts", "launches", "takes flight", "flies away"),
            ),
            "ground",
            "stars",
            (
                "{subject} takes off",
                "{subject} rises from the ground to the stars",
                "{subject} flies up to the stars",
                "{subject} lifts off and goes up",
            ),
            verbs=(
                *("rise", "take off", "lift off", "ascend", "climb", "soar", "launch", "go up", "fly up"),
                *("float up", "drift up"),
            ),
        ),
        Arc(
            (
                *("sinks", "sink", "sinking", "lands", "landing", "comes down", "coming down", "descends", "descending"),
                *("goes down", "going down", "floats down", "flies down", "touches down", "comes back", "returns", "falls"),
            ),
            "stars",
            "ground",
            (
                "{subject} lands",
                "{subject} sinks from the stars to the ground",
                "{subject} comes down to the ground",
                "{subject} descends and lands",
            ),
            verbs=("sink", "land", "descend", "come down", "go down", "drift down", "float down", "drop", "touch down", "fall"),
        ),
        Arc(
            ("takes off into the clouds", "rises above the clouds", "rises over the clouds", "rises through the clouds"),
            "ground",
            "clouds",
            ("{subject} takes off into the clouds", "{subject} rises to the clouds"),
        ),
        Arc(
            ("rises over the hills", "rises above the hills", "takes off over the hills", "floats up over the hills"),
            "ground",
            "hills",
            ("{subject} rises over the hills", "{subject} takes off over the hills"),
        ),
        Arc(
            (
                *("comes down from the clouds", "sinks from the clouds", "lands from the clouds"),
                *("descends from the clouds", "out of the clouds"),
            ),
            "clouds",
            "ground",
            ("{subject} comes down from the clouds", "{subject} sinks from the clouds"),
        ),
    ),
    colours=COLOURS,
)
