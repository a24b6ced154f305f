"""What a player says to those who are there, as events. Pure; what it claims was read before."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.beliefs.claims import kind_of, read_claim
from domain.beliefs.messages import HEARERS_MAX, ClaimTold
from domain.beliefs.vocabulary import Vocabulary
from domain.beliefs.words import Said
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command

OWN_WORDS = ("text", "claim")
"""Kinds of arguments that would hold a player's own words; an event names only what the world has."""


class RecordTold(Command):
    """Our own: that a player said something to people, in a place, at a game time."""

    teller: str
    hearers: list[str]
    said: list[tuple[str, bool]]
    place: str
    at_ms: int


def stream_of(teller: str) -> str:
    """Return the stream of what a player says: told-ann."""
    return f"told-{teller.partition('.')[2]}"


def evolve(_: None, event: ClaimTold) -> None:
    """Nothing follows from what was said before."""


def decide(command: RecordTold, _: None) -> Sequence[ClaimTold]:
    """Return one event for each claim."""
    return [
        ClaimTold(
            teller=command.teller,
            hearers=command.hearers,
            claim=claim,
            over=over,
            of_ms=command.at_ms,
            place=command.place,
            at_ms=command.at_ms,
        )
        for claim, over in command.said
    ]


TELLING: Decider[RecordTold, ClaimTold, None] = Decider(None, decide, evolve)


def explains(command: RecordTold, event: ClaimTold) -> bool:
    """Return whether an event may be the first that a command led to; who heard it may be others by now."""
    return command.teller == event.teller and (event.claim, event.over) in command.said


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is where a player speaks.

    Attributes:
        place: where the player is; "" at none.
        awake: persons and players there who are awake.
        there: all who are there.
    """

    place: str
    awake: Sequence[str]
    there: Sequence[str]


def hearers(player: str, wanted: Sequence[str], audience: Audience) -> list[str]:
    """Return who hears what a player says: whom they speak to, or all who are there.

    Raises:
        Rejected: ``not_there``, ``nobody_hears``.
    """
    if not audience.place:
        raise Rejected(
            "not_there", f"{player} is at no place", field="player", remedy="enter or arrive first"
        )
    for person in wanted:
        if person not in audience.there:
            what = f"{person} is not at {audience.place}"
            raise Rejected("not_there", what, field="to", remedy="people.here tells who is there")
    heard = [each for each in (wanted or audience.awake) if each in audience.awake]
    others = [each for each in heard if each != f"player.{player}"]
    if not others:
        what = f"nobody who is awake at {audience.place} is spoken to"
        raise Rejected("nobody_hears", what, field="to", remedy="speak to who is there and awake")
    return others[:HEARERS_MAX]


def claimed(texts: Sequence[str], words: Vocabulary) -> list[Said]:
    """Return claims that are written.

    Raises:
        Rejected: ``bad_claim``, ``unknown_claim``, ``own_words``.
    """
    found = []
    for text in texts:
        claim = words.normal(read_claim(text))
        if claim is None or words.predicates[claim.predicate].secret:
            remedy = "`predicates:` of the world's definition says which there are"
            raise Rejected("unknown_claim", f"this world has no {text[:80]}", field="claims", remedy=remedy)
        if any(kind_of(each) in OWN_WORDS for each in claim.arguments):
            what = "a claim names what the world has, and no words of a player's"
            raise Rejected(
                "own_words", what, field="claims", remedy="leave out what begins with text. or claim."
            )
        found.append(Said(claim))
    return found


def said_of(found: Sequence[Said]) -> list[tuple[str, bool]]:
    """Return what is recorded of what was said, each once."""
    return list(dict.fromkeys((str(said.claim), said.over) for said in found))
