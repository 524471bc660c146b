"""A submarine that dives."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key

FAMILY = Family(
    name="submarine",
    subject="a {colour} submarine",
    nouns=(
        *("submarine", "submarines", "sub", "subs", "u-boat", "u-boats", "diving boat", "submersible", "bathyscaphe"),
        *("submersibles", "nautilus", "underwater vessel", "underwater boat", "bathysphere"),
        *("underwater", "undersea", "fish", "fishes", "jellyfish", "diver"),
    ),
    keys=(
        Key(
            "surface",
            0.0,
            (
                *("floating", "floats", "afloat", "surfaced", "above water", "above the water", "on the water"),
                *("out of the water", "top of the water", "on the waves", "daylight"),
            ),
            (
                "{subject} floats at the surface under a bright sky",
                "the bright surface and {subject} in the sun",
                "{subject} half out of the water, clouds above it",
                "up in the daylight, {subject} at the surface",
                "{subject} on the waves, bright sky above",
                "{subject} at the bright surface",
            ),
        ),
        Key(
            "reef",
            0.5,
            ("coral", "corals", "reefs", "coral reef", "coral reefs", "turquoise", "clear water", "shallow", "shallows"),
            (
                "{subject} swims over a coral reef in clear water",
                "the colourful reef and {subject} among the fish",
                "{subject} half way down the water, corals below it",
                "down in the clear water, {subject} at the reef",
                "{subject} over the corals, turquoise water around",
                "{subject} at the colourful reef",
            ),
        ),
        Key(
            "deep",
            1.0,
            (
                *("depth", "depths", "abyss", "bottom", "deep sea", "deep water", "deep ocean", "dark", "far down", "sea floor"),
                *("seabed", "trench", "ocean floor", "seafloor", "darkness", "blackness", "bottom of the sea", "deep below"),
                *("bottom of the ocean", "abyssal"),
            ),
            (
                "{subject} is deep in the dark sea with its light",
                "the dark deep and {subject} among the rocks",
                "{subject} far down in the water, rocks below it",
                "down in the cold water, {subject} in the deep",
                "{subject} over the rocks, dark water around",
                "{subject} in the dark deep",
            ),
        ),
    ),
    arcs=(
        Arc(
            (
                *("dives", "dive", "diving", "sinks", "sinking", "goes down", "going down", "submerges", "submerging"),
                *("descends", "descending", "plunges", "dives down"),
            ),
            "surface",
            "deep",
            ("{subject} dives", "{subject} sinks into the deep", "{subject} goes down into the dark sea", "{subject} descends"),
            verbs=("dive", "sink", "go down", "submerge", "descend", "plunge", "go under", "go below", "go beneath the waves"),
        ),
        Arc(
            (
                *("surfaces", "surfacing", "rises", "rising", "comes up", "coming up", "emerges", "emerging", "ascends"),
                *("ascending", "goes up", "resurfaces", "returns to the surface", "back to the surface"),
            ),
            "deep",
            "surface",
            ("{subject} surfaces", "{subject} rises out of the deep", "{subject} comes up into the light", "{subject} emerges"),
            verbs=("surface", "rise", "come up", "emerge", "ascend", "go up", "resurface", "climb"),
        ),
        Arc(
            (
                *("dives to the reef", "dives to a reef", "dives to the coral reef", "dives to a coral reef"),
                *("dives to the corals", "goes down to the corals", "goes down to the reef"),
                *("sinks to the reef", "descends to the reef"),
            ),
            "surface",
            "reef",
            ("{subject} dives to the reef", "{subject} goes down to the corals"),
        ),
        Arc(
            ("leaves the reef", "dives below the reef", "sinks below the reef", "past the reef"),
            "reef",
            "deep",
            ("{subject} leaves the reef for the deep", "{subject} sinks below the reef"),
        ),
    ),
    colours=("yellow", "red", "orange", "green", "purple", "white"),
    verbs=("dive", "submerge", "resurface"),
)
