"""What events leave behind where they happened: rules as data, so that each world has its own traces.

A rule belongs to a predicate: each claim of it that begins at a place leaves this trace there. A trace tells
that claim, with what of it shows; so nothing that it says can be untrue. How it ages is `domain.traces`.
"""

from dataclasses import dataclass

from domain.definition.goods import Money
from domain.definition.places import GoodId, Id, WeatherState

ARGUMENTS = ("subject", "object", "value")
"""What a claim names; what of it shows is among these."""

PLACE = "place"
"""What a trace's words may name beside: where it is."""


@dataclass(frozen=True, slots=True)
class Wear:
    """In how much game time half of a trace is gone, in seconds; by weather, by a roof."""

    dry: int
    indoors: int
    weather: tuple[tuple[WeatherState, int], ...] = ()

    def half_s(self, state: WeatherState, *, roofed: bool) -> int:
        """Return the half-life under a weather; a roof keeps all of it off."""
        return self.indoors if roofed else dict(self.weather).get(state, self.dry)


@dataclass(frozen=True, slots=True)
class Pay:
    """What lies there for who finds it first."""

    money: tuple[Money, ...] = ()
    goods: tuple[tuple[GoodId, int], ...] = ()

    def __bool__(self) -> bool:
        """Return whether it is anything."""
        return bool(self.money or self.goods)


@dataclass(frozen=True, slots=True)
class TraceRule:
    """What a claim leaves behind.

    Attributes:
        of: the predicate whose claims leave it.
        says: what is to be seen, as sentences; it may name {place}, and what shows.
        fresh, faint: the same while it is new, and when little is left; "": `says`.
        many: said once where three or more are to be seen; "": each is said.
        strength: thousandths; how much there is to be seen at first.
        wear: how it ages.
        left_in: weathers in which it is left; empty: in any.
        kinds: kinds of places where it is left; empty: anywhere.
        shows: which arguments of the claim it shows; the others are somebody, something.
        certainty: thousandths; how sure one may be of what it tells.
        pays: what lies there; who finds it first takes it, and it is there no more.
    """

    id: Id
    of: Id
    says: str
    wear: Wear
    fresh: str = ""
    faint: str = ""
    many: str = ""
    strength: int = 1_000
    left_in: tuple[WeatherState, ...] = ()
    kinds: tuple[Id, ...] = ()
    shows: tuple[str, ...] = ()
    certainty: int = 1_000
    pays: Pay = Pay()
