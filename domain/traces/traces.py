"""Traces, folded from the log in its order. Pure.

Each claim that begins at a place leaves there a trace of each rule for its predicate; the claims are those
that `domain.beliefs` reads from events. So no trace is without a cause, and what it tells is what its own
event said. Of each rule the newest are to be seen at a place: who comes last treads over the first.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.beliefs.changes import Begins, Told
from domain.beliefs.claims import Claim
from domain.beliefs.ground import Ground, ground_of
from domain.beliefs.table import changes_of
from domain.definition.definition import Definition
from domain.definition.traces import ARGUMENTS, TraceRule
from domain.kernel.event import Event
from domain.traces.ageing import HALF, Sky, left, worn_out
from domain.traces.messages import Discovered
from domain.weather.messages import WeatherChanged

SHOWN_MAX = 8
"""Of each rule at a place: so many are to be seen, the newest."""

KEPT_MAX = 64
"""Of each rule at a place: so many are kept, that one can ask what was to be seen before."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What an event left at a place.

    Attributes:
        claim: which of the event's claims left it, as `Vocabulary.normal` returns it.
        at_ms: game time at which it was left.
        event, position: its cause.
    """

    id: str
    rule: str
    place: str
    claim: Claim
    at_ms: int
    event: str
    position: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A trace as it is to be seen at a time; strength in thousandths."""

    trace: Trace
    rule: TraceRule
    strength: int


@dataclass(frozen=True)
class Setting:
    """What stands still until another version of the definition is published.

    Attributes:
        by_predicate: rules by what leaves them. rules: by id.
        kinds: by place, its kind. roofed: places that no weather reaches.
    """

    ground: Ground
    rules: Mapping[str, TraceRule]
    by_predicate: Mapping[str, Sequence[TraceRule]]
    kinds: Mapping[str, str]
    roofed: frozenset[str]

    def zone(self, place: str) -> str:
        """Return whose weather a place has."""
        return self.ground.zones.get(self.ground.districts.get(place, ""), "")


def setting_of(definition: Definition) -> Setting:
    """Return what a definition says of traces."""
    by_predicate = defaultdict[str, list[TraceRule]](list)
    for rule in definition.traces:
        by_predicate[rule.of].append(rule)
    indoors = {each.id for each in definition.kinds if each.indoors}
    return Setting(
        ground_of(definition),
        {rule.id: rule for rule in definition.traces},
        by_predicate,
        {place.id: place.kind for place in definition.places},
        frozenset(place.id for place in definition.places if place.kind in indoors),
    )


@dataclass(slots=True)
class Traces:
    """Changed in place by `apply`."""

    setting: Setting
    told: Told
    sky: Sky = field(default_factory=Sky)
    by_id: dict[str, Trace] = field(default_factory=dict)
    _there: dict[str, dict[str, deque[Trace]]] = field(default_factory=dict)
    """By place and rule, in the order of the log."""
    _let_go: set[tuple[str, str]] = field(default_factory=set)
    """Places and rules of which older ones were let go."""
    _found: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """By trace, who found it, with the position."""
    _taken: dict[str, int] = field(default_factory=dict)
    """By trace, as of which position what lay there was taken."""

    @classmethod
    def of(cls, setting: Setting) -> "Traces":
        """Return the traces of a world in which nothing has happened."""
        return cls(setting, Told(setting.ground))

    def redefine(self, setting: Setting) -> None:
        """Go on by another version: what is there looks and ages by its rule as it is now, if it has one."""
        self.setting = setting
        self.told.ground = setting.ground

    def apply(self, event: Event, id_: str, position: int) -> None:
        """Take an event in."""
        self._leave(event, id_, position)
        match event:
            case WeatherChanged():
                self.sky.note(event.zone, position, event.at_ms, event.state)
            case Discovered() if event.trace in self.by_id:
                self._found[event.trace].setdefault(event.player, position)
                if event.paid:
                    self._taken.setdefault(event.trace, position)
            case _:
                pass

    # --- what one asks --------------------------------------------------------------------------------------

    def look(self, place: str, at_ms: int, as_of: int | None = None) -> Sequence[Seen]:
        """Return what is to be seen at a place, the plainest first.

        Raises:
            LookupError: of so long ago what was to be seen was let go.
        """
        found = [
            seen
            for rule in self._there.get(place, {})
            for trace in self._newest(place, rule, at_ms, as_of)
            if (seen := self.see(trace, at_ms, as_of))
        ]
        return sorted(found, key=lambda seen: (-seen.strength, -seen.trace.position, seen.trace.id))

    def see(self, trace: Trace, at_ms: int, as_of: int | None = None) -> Seen | None:
        """Return a trace as it is to be seen; None: it is not."""
        rule = self.setting.rules.get(trace.rule)
        if rule is None or self.taken(trace.id, as_of):
            return None
        wear = self._wear(trace, rule, at_ms, as_of)
        return None if worn_out(rule.strength, wear) else Seen(trace, rule, left(rule.strength, wear))

    def at_hand(self, trace: Trace, at_ms: int) -> Seen | None:
        """Return a trace as it is to be seen now; None: it is not, or newer ones lie over it."""
        try:
            newest = self._newest(trace.place, trace.rule, at_ms, None)
        except LookupError:  # a clock that was set back far
            return None
        return self.see(trace, at_ms) if trace in newest else None

    def taken(self, trace: str, as_of: int | None = None) -> bool:
        """Return whether somebody has what lay there."""
        position = self._taken.get(trace)
        return position is not None and (as_of is None or position <= as_of)

    def found(self, trace: str, player: str, as_of: int | None = None) -> bool:
        """Return whether a player has found a trace."""
        position = self._found.get(trace, {}).get(player)
        return position is not None and (as_of is None or position <= as_of)

    def weather(self, place: str, at_ms: int, as_of: int | None = None) -> str:
        """Return the weather over a place; "": none is known."""
        return self.sky.at(self.setting.zone(place), at_ms, as_of)

    # --- how they come and go -------------------------------------------------------------------------------

    def _leave(self, event: Event, id_: str, position: int) -> None:
        counts: dict[str, int] = {}
        for change in changes_of(event, self.told):
            if not isinstance(change, Begins) or change.place not in self.setting.kinds:
                continue
            claim = self.setting.ground.vocabulary.normal(change.claim)
            if claim is None:
                continue
            for rule in self.setting.by_predicate.get(claim.predicate, ()):
                if self._fits(rule, change):
                    number = counts[rule.id] = counts.get(rule.id, -1) + 1
                    key = f"{rule.id}-{UUID(id_).hex}-{number}"
                    self._add(Trace(key, rule.id, change.place, claim, change.at_ms, id_, position))

    def _fits(self, rule: TraceRule, change: Begins) -> bool:
        if rule.kinds and self.setting.kinds[change.place] not in rule.kinds:
            return False
        return not rule.left_in or self.weather(change.place, change.at_ms) in rule.left_in

    def _add(self, trace: Trace) -> None:
        there = self._there.setdefault(trace.place, {}).setdefault(trace.rule, deque())
        there.append(trace)
        self.by_id[trace.id] = trace
        if len(there) > KEPT_MAX:
            gone = there.popleft()
            self._let_go.add((gone.place, gone.rule))
            for known in (self.by_id, self._found, self._taken):
                known.pop(gone.id, None)

    def _newest(self, place: str, rule: str, at_ms: int, as_of: int | None) -> Sequence[Trace]:
        kept = [
            trace
            for trace in self._there.get(place, {}).get(rule, deque())
            if trace.at_ms <= at_ms and (as_of is None or trace.position <= as_of)
        ]
        if len(kept) < SHOWN_MAX and (place, rule) in self._let_go:
            raise LookupError(f"what was to be seen of {rule} at {place} so long ago was let go")
        return kept[-SHOWN_MAX:]

    def _wear(self, trace: Trace, rule: TraceRule, at_ms: int, as_of: int | None) -> int:
        """Return how much a trace has been worn, up to when it is worn out."""
        roofed, wear = trace.place in self.setting.roofed, 0
        for from_ms, to_ms, state in self._spans(trace, roofed, at_ms, as_of):
            wear += (to_ms - from_ms) * HALF // (1_000 * rule.wear.half_s(state, roofed=roofed))
            if worn_out(rule.strength, wear):
                break
        return wear

    def _spans(
        self, trace: Trace, roofed: bool, at_ms: int, as_of: int | None
    ) -> Iterator[tuple[int, int, str]]:
        if roofed:
            yield trace.at_ms, at_ms, ""
        else:
            yield from self.sky.spans(self.setting.zone(trace.place), trace.at_ms, at_ms, as_of)


def known_of(trace: Trace, rule: TraceRule) -> Mapping[str, str]:
    """Return what of its claim a trace shows, by which argument it is; where one is, one knows."""
    given = dict(zip(ARGUMENTS, trace.claim[1:], strict=True))
    here = f"place.{trace.place}"
    return {name: each for name, each in given.items() if each and (name in rule.shows or each == here)}


def whole(trace: Trace, rule: TraceRule) -> bool:
    """Return whether all of its claim shows, so that one may believe it; of what tells nothing, nothing."""
    return bool(rule.shows) and len(known_of(trace, rule)) == len(trace.claim.arguments)
