"""The words of prompts that belong to no one scene: small words, negators, ends, counts, colours, places, slips. Tables only."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


PREPOSITIONS = _set(
    """
    of in on over at by with from into to through until till under above across along around among amid behind beside below
    beneath near off past towards toward inside outside between during before after against within without onto upon for as
    next via beyond up down like
    """
)
"""Behind one of these a thing is a place or a part, no subject."""

CONNECTIVES = PREPOSITIONS | _set(
    """
    and or but then that which who when while where until than so is are was were be been being it its there has have had
    later again now first finally slowly gradually becomes become becoming turns turn turning changes change changing fades
    fade fading goes go going comes come
    """
)
"""What may follow a colour that stands alone: "the flower is red and opens"."""

SMALL = CONNECTIVES | _set(
    """
    a an the this these those one some any each every all both same other another he she they we you i his her their our my
    your them him us me itself himself herself themselves what whose how here now too also just even only very quite rather
    more most much many less least enough almost nearly about again once soon still already ever always often sometimes
    later slowly gradually quickly suddenly gently softly steadily finally eventually calmly quietly finely fully completely
    entirely directly simply smoothly late early first last half full whole bright big small little large great huge tiny
    long short beautiful nice pretty lovely quiet side end ends beginning start starting started begins begin began begun
    passes pass passed passing time times lapse timelapse video clip film movie footage shot shots scene view picture image
    photo photograph painting drawing close closeup close-up wide travels travel travelled traveling travelling drives drive
    driving rides ride riding ridden rolls rolling trip journey flies fly flying float moves move moving moved runs running
    walks lies lie lying stands stand standing stood sits sit sitting waits wait waiting hangs hang shines shine shining
    looks look looking seen see sees show shows showing shown can could will would shall should may might must do does did
    done doing get gets getting got gone went came make makes made making take takes took taking put puts give gives gave
    let lets keep keeps kept stay stays say says said tell tells happen happens happening having reaches reach reached sky
    out away back together apart ago yet if because though although since per et cetera please want i'd i'll it'll there'll
    we'll they'll minute minutes second seconds hour hours moment place thing things way ways part parts kind sort wants
    need needs create creates generate render imagine colour colours color colors hue front background foreground top middle
    centre center distance covers covered cover covering crosses cross crossing crossed setting stretch stretches bit lot
    lots seem seems remain remains remained appear appears appearing
    """
)
"""Words that say little by themselves: never told, and not counted in the share that was read."""

DETERMINERS = _set(
    """
    a an the this that these those one its his her their our my your some each every another all both
    """
)
SINGULAR = _set("a an the this that one its his her another each every")

THINGS_APART = frozenset(("sky", "skies", "light", "sun", "water", "air"))
"""Things that every scene has; a colour beside one of them is not the subject's."""

PASSED_OVER = _set(
    """
    will would can is are was were has have had be been slowly gradually quickly suddenly softly gently now then just
    """
)
"""May stand within a phrase: "the sun is slowly setting"."""

COLOURS = _set(
    """
    red orange yellow green blue purple pink white black brown grey gray gold silver beige turquoise
    """
)

SHADES = {
    **dict.fromkeys(("scarlet", "crimson", "ruby", "vermilion"), "red"),
    **dict.fromkeys(("violet", "lilac", "lavender", "mauve"), "purple"),
    **dict.fromkeys(("azure", "navy", "cobalt", "indigo"), "blue"),
    **dict.fromkeys(("ivory", "snow-white"), "white"),
    **dict.fromkeys(("emerald",), "green"),
    **dict.fromkeys(("rosy", "magenta"), "pink"),
}
"""Colours that are read as another one's name."""

COUNTS = _set(
    """
    two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred hundreds thousand
    thousands million millions dozen dozens pair pairs couple several few numerous countless repeatedly twice thrice double
    triple
    """
)
"""The world shows one subject, whose story is told once."""

NEGATION = (
    r"\b(?:not|no|never|neither|nor|none|nobody|no-one|nowhere|nothing|without|cannot|hardly|scarcely|barely|lacks?|lacking"
    r"|except|instead of|rather than|anything but|fails to|refuses to|unable to|free of|devoid of|minus|non"
    r"|\w+n't|(?:do|does|did|is|are|was|were|wo|ca|has|have|had|would|could|should)nt)(?![\w'-])"
)
UNCHANGING = (
    r"\b(?:(?:that|which|and|it) )?(?:(?:does not|doesn't|do not|don't|never|without) (?:chang\w+|any change)|stays the same"
    r"|nothing (?:ever )?(?:stirs|changes|moves|happens)|no changes?|without changes?|remains? (?:the same|unchanged))(?![\w'-])"
)
"""A negation that says how the picture is: it stands still."""

STILL_CAMERA = (
    r"\b(?:(?:with )?(?:a |the )?(?:static|still|fixed|locked|motionless|unmoving|stationary) (?:camera|shot)"
    r"|(?:the )?camera (?:is|stands|stays|remains|holds|keeps) (?:still|fixed|static|put|in place|where it is)"
    r"|(?:the )?camera (?:is not|isn't) (?:moving|panning)"
    r"|(?:without|not|don't|do not) (?:move|moving|pan|panning)(?: the)? camera"
    r"|(?:the )?camera (?:does not|doesn't|do not|don't|never|will not|won't) (?:move|moves|pan|pans)(?: at all)?"
    r"|(?:with )?(?:no|without(?: any)?) (?:camera (?:movement|motion|moves?|pan)|panning|pan))(?![\w'-])"
)
PANNING_CAMERA = (
    r"\b(?:(?:the )?camera (?:slowly )?(?:pans?|moves?|panning|moving|travels?|slides?|turns?|glides?)"
    r"|(?:a )?(?:slow )?pan|pans|panning)(?: slowly)?(?: to)?(?: the)? (left|right)\b"
)

STOPS = (
    r"(?P<before>\b(?:(?:has |have )?(?:stop|stops|stopped|stopping|cease|ceases|ceased|finish|finishes|finished|quit|quits)"
    r"(?: to)?|(?:is|are|has|have) done|(?:gives?|gave) up|no longer|(?:the )?end of(?: the)?))(?![\w'-])"
    r"|(?P<behind>\b(?:ends?|ended|stops?|stopped|ceases?|ceased|(?:is|are|was|were) (?:all )?(?:over|past|gone|finished)"
    r"|(?:comes?|came|coming|draws?|drew) to (?:an end|a close|a halt|a stop|its end)|fades? away|disappears?|vanish(?:es)?"
    r"|goes away|passes by|gives way|dies out|dies away|subsides?|clears?(?: up)?|go(?:es)? out|burns? out|runs? out"
    r"|(?:has|have|had) passed|(?:is|are|was|were|has|have) done))(?![\w'-])"
)
"""What ends: the stage behind "stops", or the one before "comes to an end"."""

BACKWARDS = (
    r"\b(?:(?:played|shown|filmed|told|seen|running|runs|run|playing|plays|going|goes) )?"
    r"(?:(?:back)?wards? in time|backwards?|in reverse(?: order| motion)?|reversed?|rewound|rewinds?|rewinding|back to front"
    r"|from (?:the )?end to (?:the )?(?:start|beginning))(?![\w'-])"
)

_PLACED = ("in", "at", "on", "as", "with", "from", "under", "among", "over", "by")


def _each(verbs: str, particles: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{verb} {particle}" for verb in verbs.split() for particle in particles)


FIRST = (
    *("from", "out of", "leaves", "leaving", "leave", "left", "in the beginning"),
    *("at the beginning", "at the start", "once it was", "used to be"),
    *("follows", "following", "succeeds"),
    *_each("starts start starting started begins begin beginning began departs departing", _PLACED),
)
"""Before a stage: the story begins there, wherever this stands in the prompt."""

TO = (
    *("to", "into", "until", "till", "becomes", "become", "becoming", "reaches", "reach", "reaching", "turns", "turning"),
    *("goes", "going", "grows", "growing", "gets", "getting", "toward", "towards", "through to", "up to", "down to", "onto"),
    *_each("arrives arrive arriving stops stopping halts", ("in", "at", "on", "among", "by")),
)
"""Before a stage: the story goes there."""

LAST = (
    *("finally", "at last", "in the end", "at the end", "eventually"),
    *_each("ends end ending ended finishes finishing", _PLACED),
)
"""Before a stage: the story ends there, wherever this stands in the prompt."""

ARRIVES = _set(
    """
    comes come coming falls arrives arrive arriving approaches begins settles descends nears returns sets dawns
    """
)
"""Behind a stage: it is where the story goes to. "Night comes to the city"."""

CHANGES = _set("becomes become becoming turns turn turning fades fade fading changes change changing passes")
"""Behind the only stage: it does not stay."""

ROSE_BEHIND = _set(
    "it they which that and slowly then sun moon smoke balloon balloons airship zeppelin blimp dirigible submarine sub lava"
)
"""Behind one of these "rose" is what it did, no flower."""

SUN_RISES = ("sun rise*", "sun begin* to rise", "sun start* to rise", "sun climb*", "sun come* up", "sun go* up", "sun rose")
SUN_SETS = (
    *("sun set*", "sun begin* to set", "sun start* to set", "sun start* setting", "sun sink*", "sun disappear*"),
    *("sun vanish*", "sun go* down", "sun dip*"),
)
"""Verbs as in `Arc.verbs`, of the places that have a day."""

CITY_NAMES = (
    *("paris", "london", "berlin", "rome", "madrid", "tokyo", "vienna", "prague", "lisbon", "moscow", "amsterdam", "venice"),
    *("barcelona", "munich", "hamburg", "zurich", "milan", "chicago", "boston", "seattle", "toronto", "sydney", "mumbai"),
    *("shanghai", "beijing", "hong kong", "singapore", "dubai", "istanbul", "cairo", "new york", "los angeles"),
    *("san francisco", "edinburgh", "dublin", "stockholm", "oslo", "copenhagen", "athens", "budapest", "warsaw", "kyoto"),
)

NO_SLIPS = _set(
    """
    bear beard bearing bench block blocks blood boards boast boom bored breach bride bridge broken broom brown burns burst
    carter cast casts chills choral clam clams cloned clones cloning closer closest coal coals coat coats codes coils cols
    cook cooks cool corral cost costs curl daring dating device devices diners dinner dishes divine dogs dolls drawn drift
    driver drivers drives each expressed failing fails fare farms feeling feels fell ferry fever fibre fiddle fight filed
    files filling fills finds fired fish fist flag flags flaws flies flood flour flowed fold folded folder folds folk fond
    food forests fork forks form forms freeing frost fruit fuel glass gleam glide globe gloom grains grand grapes graph
    grass groove grooves ground hall halls head heard hell holes horse horses house hulls hunts knight lady lamp lamps land
    lane lanes larva lava leading leaf leaking lends level llava loaves lodge loose lose lovers lower lowers meadows meals
    medal moan mono month mood moon mound mount mounts mouse mouth neon noise nose noun nouns ocelot opener orchid panels
    partly party peach peas pedal pedals petal plane planes plans poles pools psalm psalms rails raise raised raises raising
    refs rest rested rings roads robe robes rose rows rust sails salad sands scores sealed seals seams seat seats sends
    sense share shared shares sharing sheep shoes shops shore short shown shows situation smells smile smiles snowball
    snowman soap song songs sores sours spaced speed spit split splits splitting sport spots sprint spurs stairs stamps
    stands stare stares starts states station stats steep steer stem stone stones store stores stories storm storms story
    strain streak stream streaming streams string submit submits subset summed swim swings tales team teams tide tied ties
    tilde tiny trade trail train traits tramp trans trial trials tries tuning turns villager villagers volley volleys wages
    waiter waives walking wall walls wanes wares warm wash water waters weave wields window windows wings winner wonder
    world worlds wound
    """
)
"""English words that look like a slip of one that the world knows."""

IRREGULAR = {
    base: tuple(others)
    for base, *others in map(
        str.split,
        (
            *("rise rises rising risen", "sink sinks sinking sank sunk", "go goes going went", "come comes coming came"),
            *("fall falls falling fell", "fly flies flying flew", "wake wakes waking woke", "set sets setting"),
            *("awaken awakens awakening awakes awoke", "burst bursts bursting", "break breaks breaking broke"),
            *("die dies dying died", "shut shuts shutting", "get gets getting got", "grow grows growing grew"),
            *("leave leaves leaving left", "freeze freezes freezing froze", "blow blows blowing blew", "quit quits quitting"),
            *("spit spits spitting spat", "drop drops dropping dropped", "begin begins beginning began"),
            *("take takes taking took", "light lights lighting lit", "dive dives diving dived dove", "spread spreads spreading"),
        ),
    )
}
"""Forms of verbs that are not made by rule."""
