"""How factions fare, as data in thousandths and days: what damps them, what they do, what follows."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "territory_claimed", "territory_taken", "territory_retaken", "reclaim_failed", "unrest", "protest",
    "alliance_formed", "alliance_broken", "grudge", "overture", "feud_begun", "feud_ended", "raid", "aid",
    "crisis_begun", "crisis_ended", "fortified", "deed",
]  # fmt: skip
"""Kinds of what emerges."""

Whose = Literal["self", "other", "ally_of_other", "rival_of_self", "ally_of_self"]
"""Who acts in a consequence, by the part they had in its cause."""

DAMPING = 60
"""A power goes this part of the way to where it belongs each day: nothing feeds itself for long."""

BY_TERRITORY, BY_TERRITORIES_AT_MOST = 30, 120
"""What each territory more or less than at the beginning adds to where a power belongs, and all of them."""

IN_CRISIS = -150
POWER_MAX = 950
SWAY_OF_DAY = 12
"""Chance moves a power by at most so much a day."""

REGARD_DAMPING = 20
"""Regard goes this part of the way back to what was authored each day."""

OF_POWER = 600
HOLDS, BESIDE, SEATED, STRETCHED, SHAKEN, LUCK = 150, 80, 250, 90, 120, 90
"""Strength in a territory: so much of power; who holds it; each held beside it, two at most; a seat there;
less for each held beyond two (who has much holds it badly) and in a crisis; and chance, at most."""

CLAIM_AT, TAKE_BY, RECLAIM_WITH = 400, 130, 180
"""Nobody's ground is claimed at this strength; somebody's is taken by so much more than its holder's
(a hysteresis); and so much more has who takes back what was theirs."""

REST_DAYS = 8
"""So long a territory is not taken again, but by who lost it."""

ACTS = 70
"""How likely a faction acts on a day, and what it does then: see `simulation`."""

ALLIES_AT, BREAKS_AT = 400, 200
FEUD_AT, PEACE_AT = -450, -300
"""Where regard makes and ends alliances and feuds: never at the same point, so nothing flickers."""

FEUD_DAYS = 30
"""A feud tires out: the longer it is over this, the likelier it ends."""

CRISIS, CRISIS_DAYS, CRISIS_ENDS = 4, 4, 60
"""How likely a crisis begins of itself; it lasts so many days, and then ends likelier each day by this."""

DEPTH_MAX = 5
"""Of causes of causes; what would come after is let be."""

DEEDS_OF_DAY, REGARD_FOR_POWER = 100, 4
"""What deeds may move a faction's power by on a day in all; so much of regard counts as one of power."""

DEEDS_KNOWN_DAYS = 8
"""So long a deed is known by its id; a command that is sent again is known by its own, for ever."""


@dataclass(frozen=True, slots=True)
class Follows:
    """What may follow: after so many days, so likely, by whom; against whose the cause was."""

    what: Kind
    days: int
    likely: int
    by: Whose


CONSEQUENCES: dict[Kind, tuple[Follows, ...]] = {
    "territory_taken": (
        Follows("territory_retaken", 3, 500, "other"),
        Follows("unrest", 1, 300, "self"),
        Follows("protest", 1, 700, "ally_of_other"),
    ),
    "territory_claimed": (Follows("protest", 1, 500, "rival_of_self"),),
    "territory_retaken": (Follows("grudge", 1, 500, "other"),),
    "unrest": (Follows("crisis_begun", 2, 300, "self"),),
    "alliance_formed": (Follows("overture", 2, 500, "rival_of_self"),),
    "alliance_broken": (Follows("grudge", 1, 1_000, "other"),),
    "crisis_begun": (Follows("aid", 1, 600, "ally_of_self"), Follows("raid", 2, 400, "rival_of_self")),
    "raid": (Follows("raid", 2, 500, "other"), Follows("crisis_begun", 1, 120, "other")),
    "protest": (Follows("grudge", 2, 250, "self"),),
    "grudge": (Follows("raid", 3, 250, "self"),),
    "deed": (Follows("raid", 2, 200, "rival_of_self"),),
}
"""Expansion is answered, alliances are balanced, and who lost comes again."""

SALIENCE: dict[Kind, int] = {
    "territory_claimed": 450, "territory_taken": 700, "territory_retaken": 750, "reclaim_failed": 350,
    "unrest": 400, "protest": 200, "alliance_formed": 550, "alliance_broken": 600, "grudge": 250,
    "overture": 200, "feud_begun": 600, "feud_ended": 450, "raid": 500, "aid": 300, "crisis_begun": 650,
    "crisis_ended": 400, "fortified": 100, "deed": 400,
}  # fmt: skip
DEEPER = 40
"""What has a long story is told rather than what comes from nowhere."""
