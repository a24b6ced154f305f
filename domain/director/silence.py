"""Why a storylet is not played now: each of its conditions that does not hold, in words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.definition.storylets import PLAYER, RAISES_IN, ClaimForm, Role
from domain.director.choosing import ARCS_MAX, Question, played
from domain.director.content import Content, Playable, key_of
from domain.kernel.chance import chance

NEAREST = 10


@dataclass(frozen=True, slots=True)
class Missing:
    """A condition that does not hold.

    Attributes:
        field: where it is written: when.places, roles.clerk.
        wanted: what it asks for. found: what there is.
    """

    field: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A storylet that is not played now, and why."""

    storylet: str
    missing: tuple[Missing, ...]


def nearest(content: Content, asked: Question, most: int = NEAREST) -> Sequence[Silent]:
    """Return the storylets that lack least, the most specific first among those that lack as much."""
    found = [
        (len(missing), -each.specificity, each.storylet.id, missing)
        for each in content.playables
        if (missing := tuple(missing_of(content, each, asked)))
    ]
    return [Silent(id_, missing) for _, _, id_, missing in sorted(found, key=lambda each: each[:3])[:most]]


def missing_of(content: Content, playable: Playable, asked: Question) -> Iterator[Missing]:
    """Yield each condition of a storylet that does not hold."""
    before = [
        *_where(content, playable, asked),
        *_when(playable, asked),
        *_seen(playable, asked),
        *_arc(content, playable, asked),
        *_claims(playable, asked),
    ]
    yield from before
    yield from _cast(content, playable, asked, bool(before))


def _where(content: Content, playable: Playable, asked: Question) -> Iterator[Missing]:
    when, it = playable.storylet.when, asked.situation
    districts = {each.id: each.district for each in content.definition.places}
    if when.places and it.place not in when.places:
        yield Missing("when.places", " or ".join(when.places), it.place)
    if when.districts and districts.get(it.place) not in when.districts:
        yield Missing("when.districts", " or ".join(when.districts), districts.get(it.place, it.place))


def _when(playable: Playable, asked: Question) -> Iterator[Missing]:
    storylet, it = playable.storylet, asked.situation
    when = storylet.when
    if when.phases and it.phase not in when.phases:
        yield Missing("when.phases", " or ".join(when.phases), it.phase)
    if when.weather and it.weather not in when.weather:
        yield Missing("when.weather", " or ".join(when.weather), it.weather)
    for name, lift, may, state in (
        ("tension", storylet.tension, when.tension, it.tension),
        ("realm", storylet.realm, when.realm, it.realm),
    ):
        if may and state not in may:
            yield Missing(f"when.{name}", " or ".join(may), state)
        elif lift > 0 and state not in RAISES_IN:
            yield Missing(name, f"it makes it tenser: {' or '.join(RAISES_IN)}", state)
    if it.stage < when.stage:
        yield Missing("when.stage", f"{when.stage} arcs ended", str(it.stage))
    kinds = {each.kind for each in asked.company.news}
    if when.news and not kinds & set(when.news):
        yield Missing("when.news", " or ".join(when.news), "no such news lately")


def _seen(playable: Playable, asked: Question) -> Iterator[Missing]:
    storylet, seen = playable.storylet, asked.seen
    bit = 1 << playable.number
    if seen.barred(asked.now_ms) & ~seen.waiting & bit:
        if storylet.once:
            yield Missing("once", "never seen", "seen")
        else:
            at_ms = seen.ever[playable.number] + storylet.again * 1_000
            minutes = max(1, (at_ms - asked.now_ms) // 60_000)
            yield Missing("again", "not seen lately", f"it may come again in {minutes} min of the game")
    for id_ in storylet.when.seen:
        if seen.content.numbers.get(id_) not in seen.ever:
            yield Missing("when.seen", id_, "not seen yet")


def _arc(content: Content, playable: Playable, asked: Question) -> Iterator[Missing]:
    storylet = playable.storylet
    if not storylet.arc:
        return
    run = next((each for each in asked.runs if each.arc == storylet.arc), None)
    if run is not None:
        if run.beat != storylet.beat:
            yield Missing("beat", str(storylet.beat), f"the arc is at {run.beat}")
    elif storylet.arc in asked.ended:
        yield Missing("arc", storylet.arc, "over, or going on by an older version")
    elif storylet.beat != content.arcs[storylet.arc].begins:
        yield Missing("beat", str(storylet.beat), "the arc has not begun")
    elif len(asked.runs) >= ARCS_MAX:
        yield Missing("arc", "a new arc", f"{len(asked.runs)} run already")


def _claims(playable: Playable, asked: Question) -> Iterator[Missing]:
    when = playable.storylet.when
    for name, forms, wanted in (("facts", when.facts, True), ("lacks", when.lacks, False)):
        for at, form in enumerate(forms):
            if form in (playable.facts if wanted else playable.lacks) and not wanted:
                continue  # who is cast decides that
            if _so(form, asked) != wanted:
                found = "not so" if wanted else "so"
                yield Missing(f"when.{name}[{at}]", f"{'' if wanted else 'not '}{form}", found)


def _so(form: ClaimForm, asked: Question) -> bool:
    predicate, arguments = key_of(form)
    player = f"player.{asked.company.player}"
    return asked.company.holds(predicate, tuple(player if each == PLAYER else each for each in arguments))


def _cast(content: Content, playable: Playable, asked: Question, others: bool) -> Iterator[Missing]:
    company, storylet = asked.company, playable.storylet
    run = next((each for each in asked.runs if each.arc == storylet.arc), None)
    bound = run.cast if run else {}
    lacking = False
    open_: list[Role] = []  # who has not come on yet may be anybody who is there
    for part in playable.of_arc if run else ():
        if run and part not in run.met:
            open_ += [role for role in content.arcs[run.arc].roles if role.id == part]
            continue
        person = bound.get(part, "")
        at = content.people.get(person)
        if at is None or not company.here >> at & 1:
            lacking = True
            yield Missing(f"roles.{part}", f"{person} here, awake and in no other scene", "not here")
    for role in (*open_, *playable.roles):
        may, there = content.masks[role], company.alive if role.absent else company.here
        if not may & there:
            lacking = True
            found = f"of {(may & company.alive).bit_count()} who could, none is here, awake and free"
            yield Missing(f"roles.{role.id}", "somebody to play it", found)
    if lacking or others:
        return
    if played(content, playable, asked, chance(asked.seed, asked.now_ms)) is None:
        yield Missing("roles", "people of whom its claims and regards are so", "none of those who are here")
