"""What people tell each other when they talk: one thing each, if they know one that is new there. Pure."""

from collections.abc import Iterable, Iterator

from domain.people.crowd import Crowd
from domain.people.lives import Life
from domain.people.memory import Memories
from domain.people.messages import PersonTold
from domain.people.rules import TALK, Rules


def told(
    memories: Memories, crowd: Crowd, rules: Rules, lives: Iterable[Life], now_ms: int
) -> Iterator[PersonTold]:
    """Yield what those of ``lives`` who begin to talk now tell, and are told; by the order of their ids."""
    for life in sorted(lives, key=lambda each: each.person):
        other = life.with_person
        if life.action != TALK or other is None or life.journey is not None:
            continue
        row, theirs = crowd.cast.rows[life.person], crowd.cast.rows.get(other)
        if theirs is None or crowd.company[theirs] != crowd.company[row]:
            continue  # they have gone meanwhile
        for teller, hearer in ((life.person, other), (other, life.person)):
            thing = memories.news(teller, hearer, now_ms - rules.news_ms)
            if thing is None or crowd.thinks(teller).get(hearer, 0) < rules.trusts_from:
                continue
            yield PersonTold(
                teller=teller,
                hearer=hearer,
                topic=thing.topic,
                what=thing.what,
                happened_at=thing.place,
                happened_ms=thing.happened_ms,
                about=thing.event,
                about_position=thing.position,
                hands=thing.hands,
                evidence=thing.evidence,
                place=life.place,
                at_ms=now_ms,
            )
