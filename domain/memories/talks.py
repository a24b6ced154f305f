"""A talk as a memory of both who talked: that they did, where, and what each did by it. Pure."""

from domain.beliefs.claims import Claim
from domain.beliefs.mind import Perceived
from domain.memories.memories import TALKED, Memories
from domain.places.messages import GameMs


def talked(
    memories: Memories,
    who: tuple[str, str],
    did: tuple[str, str],
    where: tuple[str, GameMs],
    by: tuple[str, int],
) -> None:
    """Have a player and a person remember that they talked.

    Args:
        memories: everybody's.
        who: the player, and the person.
        did: what the player did by their words (ask), and the person by theirs (answer).
        where: place and game time.
        by: id and position of the event.
    """
    (player, person), (place, at_ms), (id_, position) = who, where, by
    claim = Claim(TALKED, player, person, f"text.{did[0]}, {did[1]}")
    seen = Perceived(claim, False, at_ms, position, position, id_, frozenset(who), place, root=id_)
    for holder in who:
        memories.take(holder, seen)
