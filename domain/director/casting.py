"""Who plays a scene: different people who are there, awake and in no other scene. Pure, the same for all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.definition.casting import likes_enough
from domain.definition.storylets import AGAINST, ANY, DOER, HERE, PLAYER, ClaimForm, Role
from domain.director.content import Content, Holds, Playable, bits_of
from domain.kernel.chance import below

TRIES_MAX = 200
"""Casts of one storylet that are tried: of a crowd somebody fits soon, or hardly ever."""


class News(NamedTuple):
    """Something that emerged in the world lately."""

    kind: str
    faction: str
    other: str
    number: int
    day: int


@dataclass(frozen=True, slots=True)
class Company:
    """Who can be cast, a bit for each of the people.

    Attributes:
        here: who is in the place, awake, and in no scene.
        alive: everybody who can be spoken of.
    """

    here: int
    alive: int
    place: str
    player: str
    news: Sequence[News]
    holds: Holds


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what, and the news that it is about."""

    roles: Mapping[str, str]
    news: News | None = None


def cast(
    playable: Playable, content: Content, company: Company, bound: Mapping[str, str], drawn: int
) -> Cast | None:
    """Return who plays a storylet, if anybody can.

    Args:
        playable: the storylet.
        content: that it is of.
        company: who is there.
        bound: who plays the roles of its arc.
        drawn: 32 bits by which it is chosen among those who fit.
    """
    needed = [bound.get(role, "") for role in playable.of_arc]
    for person in needed:
        at = content.people.get(person)
        if at is None or not company.here >> at & 1:
            return None
    free = [company.alive if role.absent else company.here for role in playable.roles]
    for role, there in zip(playable.roles, free, strict=True):
        if not there & content.masks[role]:
            return None
    for tried, roles in enumerate(_ways(playable.roles, content, company, dict(bound), drawn)):
        whole = all(
            likes_enough(role, content.persons[roles[role.id]], roles)
            for role in playable.roles
            if role.regards
        )
        for news in _news(playable, company) if whole else ():
            if _true(playable.facts, playable.lacks, roles, news, company):
                return Cast(roles, news)
        if tried >= TRIES_MAX:
            return None
    return None


def _ways(
    roles: Sequence[Role], content: Content, company: Company, cast_: dict[str, str], drawn: int
) -> Iterator[dict[str, str]]:
    if not roles:
        yield dict(cast_)
        return
    role, *rest = roles
    may = content.masks[role] & (company.alive if role.absent else company.here)
    for at in _from(may, drawn):
        person = content.names[at]
        if person in cast_.values():
            continue
        whole = {**cast_, role.id: person}
        if likes_enough(role, content.persons[person], whole):
            yield from _ways(rest, content, company, whole, drawn)


def _from(mask: int, drawn: int) -> Iterator[int]:
    """Yield the bits of a set from a drawn one on, round."""
    width = mask.bit_length()
    if not width:
        return
    start = below(drawn << 32, width)
    high = mask >> start << start
    yield from bits_of(high)
    yield from bits_of(mask ^ high)


def _news(playable: Playable, company: Company) -> Iterator[News | None]:
    """Yield the news that a storylet may be about, the newest first."""
    kinds = playable.storylet.when.news
    if not kinds:
        yield None
        return
    yield from (each for each in company.news if each.kind in kinds)


def _true(
    facts: Sequence[ClaimForm],
    lacks: Sequence[ClaimForm],
    roles: Mapping[str, str],
    news: News | None,
    company: Company,
) -> bool:
    def so(form: ClaimForm) -> bool:
        return company.holds(form.predicate, filled(form, roles, company.player, company.place, news))

    return all(map(so, facts)) and not any(map(so, lacks))


def filled(
    form: ClaimForm, roles: Mapping[str, str], player: str, place: str, news: News | None
) -> tuple[str, ...]:
    """Return a claim's arguments; what stands for anything is empty."""
    words: Mapping[str, str] = {
        PLAYER: f"player.{player}",
        HERE: f"place.{place}",
        ANY: "",
        DOER: f"faction.{news.faction}" if news else "",
        AGAINST: f"faction.{news.other}" if news and news.other else "",
    }
    return tuple(
        f"person.{roles[each]}" if each in roles else words.get(each, each) for each in form.arguments
    )


def arc_cast(  # noqa: PLR0913 - each is one thing that it needs
    roles: Sequence[Role],
    content: Content,
    here: int,
    alive: int,
    drawn: int,
    bound: Mapping[str, str] | None = None,
) -> dict[str, str] | None:
    """Return who plays the roles of an arc: who is here rather than who is not.

    Args:
        roles: to be cast.
        content: that they are of.
        here: a bit for each of the people who are there.
        alive: a bit for each who lives.
        drawn: by which it is chosen among those who fit.
        bound: who plays others of its roles already; it is returned with them.
    """
    found = dict(bound or {})
    for role in roles:
        mask = content.masks[role] & alive
        for at in (*_from(mask & here, drawn), *_from(mask & ~here, drawn)):
            person = content.names[at]
            fits = likes_enough(role, content.persons[person], {**found, role.id: person})
            if fits and person not in found.values():
                found[role.id] = person
                break
        else:
            return None
    return found
