"""Who rules where, who is allied, who is in feud. A word of it goes round where it happened."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.factions.messages import Emerged, GroundSet
from domain.kernel.event import Event

DAY_MS = 86_400_000
TAKEN = ("territory_claimed", "territory_taken", "territory_retaken")


def _ground(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, GroundSet)
    for each in event.territories:
        if each.holder:
            claim = Claim("rules", f"faction.{each.holder}", f"territory.{each.territory}")
            yield Begins(claim, event.day * DAY_MS)


def _emerged(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Emerged)
    at_ms, one = event.day * DAY_MS, f"faction.{event.faction}"
    if event.kind in TAKEN and event.territory and event.holder:
        rules = Claim("rules", f"faction.{event.holder}", f"territory.{event.territory}")
        yield Begins(rules, at_ms, event.place)
    if event.kind in ("crisis_begun", "crisis_ended"):
        change = Begins if event.kind == "crisis_begun" else Ends
        yield change(Claim("needs_help", one, "text.a crisis"), at_ms, event.place)
    if not event.other:
        return
    other = f"faction.{event.other}"
    match event.kind:
        case "alliance_formed":
            yield Begins(Claim("allied", one, other), at_ms, event.place)
        case "alliance_broken":
            yield Ends(Claim("allied", one, other), at_ms, event.place)
        case "feud_begun":
            yield Begins(Claim("in_feud", one, other), at_ms, event.place)
        case "feud_ended":
            yield Ends(Claim("in_feud", one, other), at_ms, event.place)
        case _:
            pass


LINES: Lines = {GroundSet: _ground, Emerged: _emerged}
