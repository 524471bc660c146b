"""A train that travels from the town through fields and mountains to the sea."""

from vstar_sdk.miniworld.grammar import Arc, Family, Key
from vstar_sdk.miniworld.lexicon import CITY_NAMES

COLOURS = ("red", "green", "blue", "yellow", "orange", "purple")

FAMILY = Family(
    name="train",
    subject="a {colour} train",
    nouns=(
        *("train", "trains", "railway", "railways", "railroad", "locomotive", "locomotives", "engine", "express"),
        *("railcar", "carriage", "tram", "freight train"),
        *("steam train", "steam engine", "rails", "waggon", "waggons", "wagon", "wagons", "carriages"),
    ),
    keys=(
        Key(
            "town",
            0.0,
            ("towns", "city", "village", "houses", "house", "buildings", "street", "streets", "station", *CITY_NAMES),
            (
                "{subject} passes the houses of a town",
                "{subject} in the town",
                "{subject} with houses of a town behind it",
                "steam flies over {subject} near the town",
                "houses of a town fly past {subject}",
                "the journey of {subject} through a town",
            ),
        ),
        Key(
            "fields",
            1 / 3,
            ("field", "meadow", "meadows", "countryside", "farmland", "trees", "hills", "plains", "farms", "pastures", "forest"),
            (
                "{subject} passes the trees and fields",
                "{subject} in the fields",
                "{subject} with trees and fields behind it",
                "steam flies over {subject} near the fields",
                "trees and fields fly past {subject}",
                "the journey of {subject} through the fields",
            ),
        ),
        Key(
            "mountains",
            2 / 3,
            ("mountain", "peaks", "peak", "alps", "pines", "andes", "rockies", "himalayas", "highlands", "summit"),
            (
                "{subject} passes the snowy mountains",
                "{subject} in the mountains",
                "{subject} with snowy mountains behind it",
                "steam flies over {subject} near the mountains",
                "snowy mountains fly past {subject}",
                "the journey of {subject} through the mountains",
            ),
        ),
        Key(
            "sea",
            1.0,
            (
                *("ocean", "coast", "seaside", "shore", "seashore", "beach", "waves", "sunset", "harbour"),
                *("harbor", "bay", "coastline"),
                *("mediterranean", "atlantic", "pacific", "baltic"),
            ),
            (
                "{subject} passes the sea at sunset",
                "{subject} by the sea",
                "{subject} with waves of the sea behind it",
                "steam flies over {subject} near the sea",
                "waves of the sea fly past {subject}",
                "the journey of {subject} along the sea",
            ),
        ),
    ),
    arcs=(
        Arc(
            (
                *("goes on a journey", "goes on a trip", "on its way", "journey begins", "starts its journey"),
                *("crosses the country", "across the country", "whole journey", "long journey"),
                *("leaves", "leaves town", "leaves the town", "leaves the station", "leaving", "departs"),
            ),
            "town",
            "sea",
            (
                "{subject} travels from the town to the sea",
                "{subject} leaves the town",
                "{subject} goes on a journey",
                "{subject} crosses the country",
            ),
            verbs=("leave", "depart", "set off", "set out", "cross the country", "pull out"),
        ),
        Arc(
            (
                *("returns", "returns home", "returning", "goes home", "comes home", "drives home", "rides home", "comes back"),
                *("goes back", "way back"),
            ),
            "sea",
            "town",
            ("{subject} returns from the sea to the town", "{subject} goes home", "{subject} comes back"),
            verbs=("return", "go home", "come home", "come back", "go back", "travel back", "head home", "head back"),
        ),
        Arc(
            (
                *("climbs", "climbs into the mountains", "climbing", "goes uphill", "goes up the mountain"),
                "goes up into the mountains",
            ),
            "fields",
            "mountains",
            ("{subject} climbs into the mountains", "{subject} climbs up the mountains"),
        ),
        Arc(
            ("reaches the sea", "arrives at the sea", "comes down to the sea", "goes down to the sea", "goes downhill"),
            "mountains",
            "sea",
            ("{subject} comes down to the sea", "{subject} reaches the sea"),
        ),
    ),
    colours=COLOURS,
)
