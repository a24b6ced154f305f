"""Arcs: whether each beat can be reached, has something to play, and always comes to an end."""

from collections.abc import Callable, Iterator, Sequence

from domain.definition.casting import casts
from domain.definition.checks.storylets import names_known, path_of, role_faults
from domain.definition.faults import Fault, nearest
from domain.definition.index import Index
from domain.definition.storylets import Arc, Storylet


def _parts(index: Index) -> Iterator[Fault]:
    """Yield what is wrong with how storylets are part of arcs."""
    arcs = {each.id: each for each in index.all.arcs}
    for each in index.all.storylets:
        path = path_of(each)
        if bool(each.arc) != bool(each.beat):
            clause = "arc and beat do not come together"
            yield Fault("bad_beat", path, clause, "both, or neither", at_key=True)
        if each.leads and not each.arc:
            yield Fault("bad_beat", f"{path}.leads", "it leads on and is in no arc", "arc and beat")
        arc = arcs.get(each.arc or "")
        if arc is None or each.beat is None:
            continue
        beats = [beat.id for beat in arc.beats]
        if each.beat not in beats:
            clause = f"{arc.id} has no beat {each.beat!r}"
            near = nearest(each.beat, beats)
            yield Fault("unknown_name", f"{path}.beat", clause, ", ".join(beats), near)
        yield from _leads(each, arc, path)


def _leads(each: Storylet, arc: Arc, path: str) -> Iterator[Fault]:
    targets = [*(beat.id for beat in arc.beats), *(end.id for end in arc.ends)]
    if not each.leads:
        yield Fault("bad_beat", path, "nothing says where the arc goes on", "leads: [{to: …}]", at_key=True)
    for at, lead in enumerate(each.leads):
        if lead.to not in targets:
            clause, near = f"{arc.id} has no beat or end {lead.to!r}", nearest(lead.to, targets)
            yield Fault("unknown_name", f"{path}.leads[{at}].to", clause, ", ".join(targets), near)
        bare, last = not (lead.facts or lead.lacks), at == len(each.leads) - 1
        if last and not bare:
            clause = "every way on has a condition; the arc sticks while none holds"
            yield Fault("bad_beat", f"{path}.leads", clause, "a last way on without one")
        if bare and not last:
            clause = "this way on is always taken, so those after it never are"
            yield Fault("bad_beat", f"{path}.leads[{at}]", clause, "a condition, or the last place")


def targets_of(index: Index, arc: Arc) -> dict[str, set[str]]:
    """Return where an arc may go on from each beat."""
    found = {beat.id: {beat.late} for beat in arc.beats}
    for each in index.all.storylets:
        if each.arc == arc.id and each.beat in found:
            found[each.beat] |= {lead.to for lead in each.leads}
    return found


def _graph(index: Index) -> Iterator[Fault]:
    for arc in index.all.arcs:
        path, targets = f"arcs.{arc.id}", targets_of(index, arc)
        ends = {end.id for end in arc.ends}
        for both in sorted(ends & targets.keys()):
            clause = f"{both} is a beat and an end"
            yield Fault("same_name", f"{path}.ends.{both}", clause, "another id", at_key=True)
        if arc.lost not in ends:
            yield Fault("bad_beat", f"{path}.lost", f"{arc.lost} is a beat", "an end of the arc")
        yield from _reached(index, arc, path)
        yield from _played(index, arc, path)
        yield from _late(arc, ends, path)


def _reached(index: Index, arc: Arc, path: str) -> Iterator[Fault]:
    """Yield beats and ends to which nothing leads; not while a way on leads nowhere, said elsewhere."""
    targets, ends = targets_of(index, arc), {end.id for end in arc.ends}
    scenes = [each for each in index.all.storylets if each.arc == arc.id]
    if any(each.beat not in targets or not each.leads for each in scenes):
        return
    if set().union(*targets.values()) <= targets.keys() | ends:
        met, todo = {arc.begins}, [arc.begins]
        while todo:
            more = targets.get(todo.pop(), set()) - met
            met |= more
            todo.extend(more)
        for kind, names in (("beats", sorted(targets)), ("ends", sorted(ends - {arc.lost}))):
            for name in names:
                if name not in met:
                    clause = "nothing leads here from the first beat"
                    yield Fault("unreachable", f"{path}.{kind}.{name}", clause, "a way to it", at_key=True)


def _played(index: Index, arc: Arc, path: str) -> Iterator[Fault]:
    played = {each.beat for each in index.all.storylets if each.arc == arc.id}
    for beat in arc.beats:
        if beat.id not in played:
            clause = "no storylet is played in this beat"
            at = f"{path}.beats.{beat.id}"
            yield Fault("idle_beat", at, clause, "a storylet with this arc and beat", at_key=True)


def _late(arc: Arc, ends: set[str], path: str) -> Iterator[Fault]:
    """Yield beats from which waiting alone never comes to an end: whoever stays away leaves the arc open."""
    late = {beat.id: beat.late for beat in arc.beats}
    for beat in arc.beats:
        met, at = {beat.id}, beat.late
        while at in late and at not in met:
            met.add(at)
            at = late[at]
        if at not in ends and at in met:
            clause = "who only waits goes round in a circle"
            yield Fault(
                "no_end", f"{path}.beats.{beat.id}.late", clause, "a beat or end on the way to an end"
            )


def _cast(index: Index) -> Iterator[Fault]:
    for arc in index.all.arcs:
        path = f"arcs.{arc.id}.roles"
        yield from role_faults(arc.roles, path, [role.id for role in arc.roles])
        known = names_known(arc.roles, index)
        if arc.roles and known and next(casts(arc.roles, index.all.people, index.archetypes), None) is None:
            clause = "nobody of this world could play its roles together"
            yield Fault("uncastable", path, clause, "conditions that somebody meets")


def _begun(index: Index) -> Iterator[Fault]:
    """Yield arcs whose first scene a player may see again and again: they would begin without end."""
    firsts: dict[str, Sequence[str]] = {each.id: (each.begins,) for each in index.all.arcs}
    for each in index.all.storylets:
        if each.arc and each.again and each.beat in firsts.get(each.arc, ()):
            clause = "an arc begins once for a player"
            yield Fault("bad_beat", f"{path_of(each)}.again", clause, "no time after which it comes again")


Check = tuple[tuple[str, ...], Callable[[Index], Iterator[Fault]]]
ARC_CHECKS: tuple[Check, ...] = (
    (("arc",), _parts),
    (("arc", "storylet"), _graph),
    (("arc", "person", "archetype"), _cast),
    (("arc", "storylet"), _begun),
)
