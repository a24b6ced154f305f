"""Promises. Names and versions of events are storage format: they stay in the log for ever.

One stream for each who promises: ``promises_person-una_pell``, ``promises_player-ann``. What is promised is
something that events of the world can show; no event holds a player's words.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.ledger.vocabulary import AMOUNT_MAX
from domain.people.harm_messages import Being
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import SessionNumber

LAPSES_MS = 30 * 86_400_000
"""A promise without a time of its own lapses after so much game time: nobody waits for it any longer."""

PromiseId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The promise: id of the command that made it, in hex.")
]
PromiseKind = Annotated[
    Literal["give", "pay", "go", "do", "never"],
    Field(
        description="give: a good; pay: money; go: be at a place; do, never: a deed to somebody. A promise "
        "never to do something is broken by the deed, and kept when its time is over."
    ),
]
Deed = Annotated[
    Literal["", "hurt", "kill", "rob"], Field(description="Which deed, of do and never; else empty.")
]
What = Annotated[
    str,
    Field(
        pattern=r"^((good|currency|place|person)\.[a-z][a-z0-9_]{0,63}|player\.[A-Za-z0-9_-]{1,128})$",
        description="The good, currency or place; of a deed, to whom: good.lamp_oil, person.nib.",
    ),
]
HowMuch = Annotated[
    int,
    Field(
        ge=1,
        le=AMOUNT_MAX,
        description="How much is given or paid.",
        json_schema_extra={"unit": "minor units"},
    ),
]
DueMs = Annotated[
    GameMs | None, Field(description="Until when, in game time; nil: it lapses after thirty game days.")
]


class Terms(Declared):
    """Who promised whom what; every event of a promise says it, so that none needs another one."""

    model_config = ConfigDict(frozen=True)

    promise: PromiseId
    by: Annotated[Being, Field(description="Who promised.")]
    to: Annotated[Being, Field(description="Whom.")]
    kind: PromiseKind
    deed: Deed = ""
    what: What
    amount: HowMuch = 1
    due_ms: DueMs = None


TERMS: dict[str, Any] = {
    "promise": "0197a1b2c3d47e5f8a6b7c8d9e0f1a2b",
    "by": "player.ann",
    "to": "person.una_pell",
    "kind": "give",
    "deed": "",
    "what": "good.lamp_oil",
    "amount": 2,
    "due_ms": 154_800_000,
}
Cause = Annotated[
    str,
    Field(
        pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$",
        description="Id of the event that decided it; empty: its time was over.",
    ),
]


class PromiseMade(Terms, Event, name="promises.made", version=1):
    """Somebody gave somebody their word, face to face."""

    place: PlaceRef
    at_ms: GameMs

    example: ClassVar[Any] = {**TERMS, "place": "ropewalk_quay", "at_ms": 68_400_000}


class PromiseKept(Terms, Event, name="promises.kept", version=1):
    """What was promised happened in time; or what was never to happen did not."""

    event: Cause
    at_ms: GameMs

    example: ClassVar[Any] = {
        **TERMS,
        "event": "0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        "at_ms": 70_200_000,
    }


class PromiseBroken(Terms, Event, name="promises.broken", version=1):
    """What was promised did not happen in time, or what was never to happen did."""

    why: Annotated[
        Literal["late", "deed", "killed"],
        Field(description="Its time was over; the deed was done; who promised killed whom they promised."),
    ]
    event: Cause
    at_ms: GameMs

    example: ClassVar[Any] = {**TERMS, "why": "late", "event": "", "at_ms": 154_800_000}


class PromiseExpired(Terms, Event, name="promises.expired", version=1):
    """Nobody can keep it any more, and nobody broke it."""

    why: Annotated[
        Literal["gone", "lapsed"],
        Field(description="Somebody or something that it needs is no more; or it had no time, and lapsed."),
    ]
    gone: Annotated[str, Field(max_length=160, description="Who or what is no more; else empty.")] = ""
    event: Cause
    at_ms: GameMs

    example: ClassVar[Any] = {
        **TERMS,
        "why": "gone",
        "gone": "person.una_pell",
        "event": "0197a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        "at_ms": 90_000_000,
    }


class PromiseReleased(Terms, Event, name="promises.released", version=1):
    """Whom it was made to lets who promised off."""

    at_ms: GameMs

    example: ClassVar[Any] = {**TERMS, "at_ms": 72_000_000}


class MakePromise(Command, name="promises.make", may=(GRANTED, OPERATOR)):
    """Have somebody promise something to somebody who is in the same place and awake.

    For a player it comes from the service that holds their session. The result is {promise}. Events of the
    world end it: promises.kept, broken, expired. Refused with ``not_there``, ``nobody_hears``, ``oneself``,
    ``unknown_thing``, ``bad_promise``, ``due_over``, ``needs_due``, ``already_promised``,
    ``too_many_promises``, ``no_clock``, ``over_allowance``, and for the session as places.enter is.
    """

    by: Annotated[Being, Field(description="Who promises.")]
    session: Annotated[
        SessionNumber | None, Field(description="The player's session; nil: a person promises.")
    ] = None
    to: Annotated[Being, Field(description="Whom.")]
    kind: PromiseKind
    deed: Deed = ""
    what: What
    amount: HowMuch = 1
    due_ms: DueMs = None

    example: ClassVar[Any] = {
        "session": 3,
        **{name: value for name, value in TERMS.items() if name != "promise"},
    }


class ReleasePromise(Command, name="promises.release", may=(GRANTED, OPERATOR)):
    """Have whom a promise was made to let who made it off.

    The result is {promise}. Refused with ``not_open`` where no such promise waits, ``no_clock``, and where a
    player lets somebody off for the session as places.enter is.
    """

    promise: PromiseId
    by: Annotated[Being, Field(description="Who promised.")]
    to: Annotated[Being, Field(description="Whom it was made to, who lets them off.")]
    session: Annotated[
        SessionNumber | None, Field(description="Session of the player who lets off; nil: a person does.")
    ] = None

    example: ClassVar[Any] = {
        "promise": TERMS["promise"],
        "by": "player.ann",
        "to": "person.una_pell",
        "session": None,
    }


PromiseEnded = PromiseKept | PromiseBroken | PromiseExpired | PromiseReleased
PromiseEvent = PromiseMade | PromiseEnded
ENDINGS: tuple[type[PromiseEnded], ...] = (PromiseKept, PromiseBroken, PromiseExpired, PromiseReleased)
EVENTS: tuple[type[PromiseEvent], ...] = (PromiseMade, *ENDINGS)
COMMANDS = (MakePromise, ReleasePromise)


def stream_of(by: str) -> str:
    """Return the stream of what somebody promises: promises_player-ann."""
    kind, _, id_ = by.partition(".")
    return f"promises_{kind}-{id_}"
