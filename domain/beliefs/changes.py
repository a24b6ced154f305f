"""What an event says of claims: which begin by it and which end, and who comes to know. Pure.

Each context has a file in `domain.beliefs.lines` with a line for each of its events that says something; a
context that is added adds its file to `domain.beliefs.table`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from domain.beliefs.claims import Claim
from domain.beliefs.ground import Ground
from domain.kernel.event import Event


@dataclass(frozen=True, slots=True)
class Begins:
    """A claim holds from a game time on, or a deed has happened.

    Attributes:
        place: where it can be seen; "": nowhere in particular.
        yields: whether it becomes no fact where another one stands against it.
    """

    claim: Claim
    at_ms: int
    place: str = ""
    yields: bool = False


@dataclass(frozen=True, slots=True)
class Ends:
    """A state is over.

    Attributes:
        claim: which; an empty object and value stand for any.
        place: where one can see that.
    """

    claim: Claim
    at_ms: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Retires:
    """Something is no more: every state that names it is over."""

    argument: str
    at_ms: int


Change = Begins | Ends | Retires


@dataclass(slots=True)
class Told:
    """What lines need beside their event; changed in place as events are taken in.

    Attributes:
        ground: what the definition says.
        now_ms: the latest game time that an event told of; some events tell of none.
        items: units of the ledger of which there is one. money: those that are money.
        givers: by quest that runs (its instance), who gave it.
        documents: by document of the lore, what its newest version claims for everybody.
    """

    ground: Ground
    now_ms: int = 0
    items: set[str] = field(default_factory=set)
    money: set[str] = field(default_factory=set)
    givers: dict[str, str] = field(default_factory=dict)
    documents: dict[str, tuple[Claim, ...]] = field(default_factory=dict)


Line = Callable[[Event, Told], Iterable[Change]]
Lines = Mapping[type[Event], Line]
