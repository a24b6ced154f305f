"""The words of the ledger: units, accounts, amounts, moves and what comes of them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from domain.kernel.visibility import Discreet

AMOUNT_MAX = 2**53 - 1
"""Of any amount and any balance, either way: what every language's double holds to the coin."""

MOVES_MAX = 64
"""Of one transfer; a larger payout is several, or linked."""

STEPS_MAX = 16
"""Of linked commands: with `MOVES_MAX` moves each they fit into one append."""

SOURCE, SINK = "source", "sink"
"""What stands before the dot of accounts that bring units into the world, and take them out of it."""

_SOURCES, _SINKS = f"{SOURCE}.", f"{SINK}."

UnitId = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="Something that is counted: a currency, a good, or one item, e.g. crown or lamp_oil.",
    ),
]
AccountId = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,31}(\.[A-Za-z0-9_-]{1,128}){1,2}$",
        description="An account: its owner (what and which), and a name if the owner has several, e.g. "
        "player.ann, player.ann.bank, source.quest_rewards, sink.tolls.",
    ),
]
Amount = Annotated[
    int,
    Field(ge=1, le=AMOUNT_MAX, description="How much.", json_schema_extra={"unit": "minor units"}),
]
Signed = Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX, json_schema_extra={"unit": "minor units"})]
Kind = Annotated[
    Literal["currency", "good", "item"],
    Field(description="currency and good: counted; item: there is one, and whoever holds it owns it."),
]
Why = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="Reason as a word that reports are made by, e.g. wages.",
    ),
]
EventName = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="Id of an event of the ledger, as the reply to the command that caused it names it.",
    ),
]
HoldId = Annotated[EventName, Field(description="The hold: id of its event ledger.held.")]


class Move(Discreet):
    """So much of one unit, from one account to another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: UnitId
    payer: Annotated[AccountId, Field(description="Account that gives.")]
    payee: Annotated[AccountId, Field(description="Account that gets.")]
    amount: Amount


class Volume(Discreet):
    """What an account has of a unit once something happened."""

    model_config = ConfigDict(frozen=True)

    account: AccountId
    unit: UnitId
    balance: Signed = Field(description="What is there, with what is held; below zero: brought in, or owed.")
    held: int = Field(
        0, ge=0, le=AMOUNT_MAX, description="Promised by holds.", json_schema_extra={"unit": "minor units"}
    )


Moves = Annotated[
    list[Move],
    Field(
        min_length=1,
        max_length=MOVES_MAX,
        description="All of them or none, one after the other: a later one may spend what an earlier brings.",
    ),
]
After = Annotated[
    list[Volume], Field(description="What every account has that was touched, of the unit it was.")
]


def owner_of(account: str) -> str:
    """Return whose an account is: ``player.ann`` of ``player.ann.bank``."""
    return ".".join(account.split(".", 2)[:2])


def is_source(account: str) -> bool:
    """Say whether units come into the world from an account."""
    return account.startswith(_SOURCES)


def is_sink(account: str) -> bool:
    """Say whether units leave the world into an account."""
    return account.startswith(_SINKS)
