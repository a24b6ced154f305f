"""A small world for beliefs: its predicates are the sample world's, its people are whoever a test names."""

from dataclasses import dataclass, field
from functools import cache
from uuid import UUID, uuid5

from aicore.content.sample_world import sample_definition
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.changes import Begins, Change, Ends
from domain.beliefs.claims import Claim, read_claim
from domain.beliefs.ground import Ground
from domain.beliefs.messages import ClaimTold
from domain.beliefs.vocabulary import Vocabulary, vocabulary
from domain.kernel.event import Event
from domain.people.messages import PersonDecided, PersonTold
from domain.places.messages import Arrived, Entered, Left

SPACE = UUID("5a4f8a0e-6a0b-5f56-9f1e-3f0f4c8f2d72")
MINUTE_MS = 60_000


@cache
def words() -> Vocabulary:
    """The sample world's predicates."""
    return vocabulary(sample_definition().predicates)


def ground(**other: object) -> Ground:
    """Return a definition that states nothing but where some places lie."""
    nothing: frozenset[Claim] = frozenset()
    given = {
        "vocabulary": words(),
        "common": nothing,
        "private": nothing,
        "districts": {"inn": "town", "lane": "town", "mill": "country"},
        "zones": {"town": "coast", "country": "hill"},
        "names": {"person.ada": "Ada", "place.inn": "the inn"},
        "people": {},
        "seats": {},
    }
    return Ground(**{**given, **other})  # type: ignore[arg-type]


def event_id(position: int) -> str:
    return str(uuid5(SPACE, str(position)))


@dataclass
class Tale:
    """Beliefs, and what happens to them: an event a minute, at the next position of the log."""

    beliefs: Beliefs = field(default_factory=lambda: Beliefs.of(ground()))
    position: int = 0

    @property
    def now_ms(self) -> int:
        return self.position * MINUTE_MS

    def hear(self, *events: Event) -> int:
        for event in events:
            self.position += 1
            self.beliefs.apply(event, event_id(self.position), self.position)
        return self.position

    def comes(self, who: str, place: str) -> int:
        """Have somebody (ada, player.ann) come to a place."""
        at_ms = (self.position + 1) * MINUTE_MS
        if self.beliefs.presence.where:
            return self.hear(Arrived(who=moving(who), place=place, at_ms=at_ms, at_us=0))
        kind = "player" if who.startswith("player.") else "person"
        return self.hear(
            Entered.model_validate(
                {"who": moving(who), "kind": kind, "place": place, "at_ms": at_ms, "at_us": 0}
            )
        )

    def goes(self, who: str) -> int:
        place = self.beliefs.presence.where[holder(who)]
        at_ms = (self.position + 1) * MINUTE_MS
        return self.hear(Left(who=moving(who), place=place, at_ms=at_ms, at_us=0))

    def sleeps(self, who: str) -> int:
        return self.hear(
            PersonDecided.model_validate({**PersonDecided.example, "person": who, "action": "sleep"})
        )

    def tells(self, teller: str, hearer: str, about: int, evidence: int | None = None, hands: int = 0) -> int:
        """Have people tell each other of the event at a position, which they know by another one."""
        return self.hear(
            PersonTold.model_validate(
                {
                    **PersonTold.example,
                    "teller": teller,
                    "hearer": hearer,
                    "about": event_id(about),
                    "about_position": about,
                    "hands": hands,
                    "evidence": event_id(evidence or about),
                    "at_ms": (self.position + 1) * MINUTE_MS,
                    "place": self.beliefs.presence.where.get(holder(teller), "inn"),
                }
            )
        )

    def says(self, teller: str, claim: str, *hearers: str, over: bool = False, of: int | None = None) -> int:
        """Have somebody claim something to those who hear it; ``of``: since which position, they say."""
        at_ms = (self.position + 1) * MINUTE_MS
        return self.hear(
            ClaimTold(
                teller=holder(teller),
                hearers=[holder(each) for each in hearers],
                claim=claim,
                over=over,
                of_ms=at_ms if of is None else of * MINUTE_MS,
                place=self.beliefs.presence.where.get(holder(teller), "inn"),
                at_ms=at_ms,
            )
        )

    def happens(self, claim: str, place: str = "", *, over: bool = False) -> int:
        """Have an event say something of claims which no event of the world says yet."""
        self.position += 1
        at_ms = self.position * MINUTE_MS
        kind = Ends if over else Begins
        change: Change = kind(read_claim(claim), at_ms, place)
        self.beliefs.take_in([change], event_id(self.position), self.position)
        return self.position

    def knows(self, who: str, claim: str) -> bool:
        return self.beliefs.knows(holder(who), read_claim(claim))

    def thinks(self, chain: str, claim: str) -> bool:
        """Return whether the first of a chain (``ada bea``) thinks that … the last believes a claim."""
        people = [holder(each) for each in chain.split()]
        if len(people) == 1:
            return self.knows(people[0], claim)
        normal = words().normal(read_claim(claim))
        assert normal
        return self.beliefs.thinks(people).believes(normal) is not None


def holder(who: str) -> str:
    return who if "." in who else f"person.{who}"


def moving(who: str) -> str:
    """Return the id that the events of places have for somebody."""
    return who.removeprefix("player.") if who.startswith("player.") else holder(who)
