"""A world of any size for the director: storylets of the sample world's shapes, arcs, people; edits."""

import random
from collections.abc import Sequence
from dataclasses import replace

from domain.definition.definition import Definition
from domain.definition.people import Engagement, Person
from domain.definition.places import Opening
from domain.definition.storylets import (
    PLAYER,
    Arc,
    ArcEnd,
    Beat,
    ClaimForm,
    Lead,
    Line,
    Role,
    Storylet,
    When,
)

PHASES = ("dawn", "day", "dusk", "night")
WEATHERS = ("clear", "partly_cloudy", "cloudy", "rain", "mist", "windy")
DEEDS = ("hurt", "killed", "took", "promised", "kept_promise")
DAY_MINUTES = 1_440


def crowd(definition: Definition, count: int, draws: random.Random) -> Definition:
    """Return a definition with so many people, each with a day like somebody's of the sample world."""
    people: list[Person] = []
    places = [place.id for place in definition.places]
    while len(people) < count:
        for person in definition.people:
            move = draws.randrange(-180, 181)
            schedule = tuple(
                Engagement(
                    Opening(
                        (each.hours.opens + move) % DAY_MINUTES,
                        (each.hours.closes + move) % DAY_MINUTES or DAY_MINUTES,
                    ),
                    draws.choice(places),
                    each.do,
                )
                for each in person.schedule
            )
            made = replace(person, id=f"{person.id}_{len(people)}", schedule=schedule, relations=())
            people.append(replace(made, home=draws.choice(places)))
    return replace(definition, people=tuple(people[:count]))


def storylets(definition: Definition, count: int, draws: random.Random) -> tuple[Storylet, ...]:
    """Return so many storylets of no arc, each a variant of one that was written."""
    written = [each for each in definition.storylets if not each.arc]
    evergreens = [each for each in written if each.class_ == "evergreen"]
    made = [replace(each, id=f"{each.id}_written") for each in evergreens]
    while len(made) < count:
        base = draws.choice(written)
        made.append(_variant(base, len(made), definition, draws))
    return tuple(made)


def _variant(base: Storylet, number: int, definition: Definition, draws: random.Random) -> Storylet:
    places = [each.id for each in definition.places]
    districts = [each.id for each in definition.districts]
    roles = tuple(replace(role, regards=(), person=None, traits=()) for role in base.roles)
    facts = tuple(each for each in base.when.facts if each.predicate in DEEDS)
    when = When(
        places=tuple(draws.sample(places, 3)) if draws.random() < 0.5 else (),
        districts=(),
        phases=tuple(draws.sample(PHASES, 2)) if draws.random() < 0.4 else (),
        weather=tuple(draws.sample(WEATHERS, 2)) if draws.random() < 0.2 else (),
        facts=facts if draws.random() < 0.4 else (),
        news=base.when.news if not base.when.facts else (),
    )
    if not when.places and draws.random() < 0.6:
        when = replace(when, districts=(draws.choice(districts),))
    evergreen = base.class_ == "evergreen"
    once = not evergreen and draws.random() < 0.5
    return replace(
        base,
        id=f"{base.id}_{number}",
        class_=base.class_ if evergreen else "specific",
        roles=roles,
        when=when,
        lines=tuple(replace(each, claims=()) for each in base.lines),
        once=once,
        again=0 if once else 3_600 * draws.randrange(2, 24),
        tension=draws.choice((-150, 0, 0, 100, 150, 200, 250, 300, 350)),
        realm=10 if draws.random() < 0.02 else 0,
        quest=None,
    )


def arcs(definition: Definition, count: int, draws: random.Random) -> Definition:
    """Return a definition with so many more arcs, three to five beats each, and their storylets."""
    kinds = [each.id for each in definition.archetypes]
    districts = [each.id for each in definition.districts]
    made: list[Arc] = []
    scenes: list[Storylet] = []
    for number in range(count):
        id_ = f"arc_{number}"
        names = [f"beat_{at}" for at in range(draws.randrange(3, 6))]
        beats = tuple(
            Beat(name, 3_600 * draws.randrange(10, 30), names[at + 1] if at + 1 < len(names) else "faded")
            for at, name in enumerate(names)
        )
        ends = (
            ArcEnd("good", "kept", "It ended."),
            ArcEnd("faded", "faded", "Time."),
            ArcEnd("gone", "lost", "."),
        )
        roles = tuple(Role(part, archetypes=tuple(draws.sample(kinds, 3))) for part in ("first", "second"))
        made.append(Arc(id_, id_, roles, beats, ends, "gone"))
        for at, name in enumerate(names):
            to = names[at + 1] if at + 1 < len(names) else "good"
            first = When(districts=tuple(draws.sample(districts, 3))) if not at else When()
            scenes += _beat(id_, name, to, first, draws)
    return replace(definition, arcs=(*definition.arcs, *made), storylets=(*definition.storylets, *scenes))


def _beat(arc: str, beat: str, to: str, when: When, draws: random.Random) -> Sequence[Storylet]:
    return [
        Storylet(
            f"{arc}_{beat}_{at}",
            "{first} and {player}.",
            "specific",
            when,
            lines=(Line(draws.choice(("first", "second")), "greet"),),
            once=True,
            lasts=60 * draws.randrange(3, 10),
            tension=draws.choice((0, 100, 200, 300, -100)),
            arc=arc,
            beat=beat,
            leads=(Lead(to, (ClaimForm("hurt", (PLAYER, "any")),)), Lead(to)),
        )
        for at in range(2)
    ]


def world_of(definition: Definition, count: int, *, people: int, more_arcs: int, seed: int) -> Definition:
    """Return a world with so many storylets in all."""
    draws = random.Random(seed)
    world = crowd(definition, people, draws)
    world = arcs(replace(world, arcs=(), storylets=()), more_arcs, draws)
    rest = storylets(definition, count - len(world.storylets), draws)
    return replace(world, storylets=(*rest, *world.storylets))


# --- edits --------------------------------------------------------------------------------------------------


def edited(definition: Definition, number: int, seed: int) -> Definition:
    """Return a definition after one random edit: what a designer does while players are in mid-arc."""
    draws = random.Random(f"{seed} {number}")
    arc = draws.choice(definition.arcs)
    match draws.randrange(7):
        case 0:  # a beat is called otherwise
            return _renamed(definition, arc, draws.choice(arc.beats).id, f"beat_new_{number}")
        case 1:  # an arc is taken out
            kept = tuple(each for each in definition.arcs if each is not arc)
            scenes = tuple(each for each in definition.storylets if each.arc != arc.id)
            return replace(definition, arcs=kept, storylets=scenes) if len(kept) > 5 else definition
        case 2:  # a scene is taken out
            gone = draws.choice(definition.storylets)
            scenes = tuple(each for each in definition.storylets if each is not gone)
            return replace(definition, storylets=scenes)
        case 3:  # lines are written anew
            return _changed(definition, draws.choice(definition.storylets).id, says="Otherwise.")
        case 4:  # there is less time
            beats = tuple(replace(each, within=max(3_600, each.within // 2)) for each in arc.beats)
            return _with_arc(definition, replace(arc, beats=beats))
        case 5:  # a part more
            return _with_arc(definition, replace(arc, roles=(*arc.roles, Role(f"part_{number}"))))
        case _:  # whoever lived here lives here no more
            gone_too = draws.choice(definition.people)
            return replace(
                definition, people=tuple(each for each in definition.people if each is not gone_too)
            )


def _with_arc(definition: Definition, arc: Arc) -> Definition:
    return replace(definition, arcs=tuple(arc if each.id == arc.id else each for each in definition.arcs))


def _changed(definition: Definition, id_: str, **fields: str) -> Definition:
    scenes = tuple(
        replace(each, **fields) if each.id == id_ else each  # type: ignore[arg-type]
        for each in definition.storylets
    )
    return replace(definition, storylets=scenes)


def _renamed(definition: Definition, arc: Arc, was: str, now: str) -> Definition:
    def name(id_: str | None) -> str:
        return now if id_ == was else str(id_)

    beats = tuple(replace(each, id=name(each.id), late=name(each.late)) for each in arc.beats)
    scenes = tuple(
        replace(
            each,
            beat=name(each.beat),
            leads=tuple(replace(lead, to=name(lead.to)) for lead in each.leads),
        )
        if each.arc == arc.id
        else each
        for each in definition.storylets
    )
    return replace(_with_arc(definition, replace(arc, beats=beats)), storylets=scenes)
