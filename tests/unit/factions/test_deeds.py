"""Whose deed it is: a service says so of players whose session it holds, an operator of anybody."""

from typing import Any

import pytest

from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.factions.messages import Deed
from domain.kernel.decider import Rejected
from domain.places.moving import PLAYER, stream_of
from domain.session.messages import SessionOpened
from handlers.factions.deeds import Authorship
from handlers.kernel.commands import Binding, CommandRunner
from tests.unit.kit import ident, memory_log
from tests.unit.people.realm import CODEC

GAME, OTHER, MIRA = "service:game", "service:other", "operator:mira"
PLAYERS: Binding[Any, Any, Any] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.player), decider=PLAYER
)


async def opened() -> MemoryLog:
    """A game holds Ann's first session."""
    log = memory_log()
    event = SessionOpened.model_validate({**SessionOpened.example, "session": 1, "service": GAME})
    await log.append(StreamWrite("player-ann", [CODEC.encode(event, ident())]))
    return log


def deed(player: str | None, session: int | None) -> Deed:
    return Deed.model_validate({**Deed.example, "player": player, "session": session})


async def test_who_holds_no_session_of_a_player_says_nothing_of_what_they_did() -> None:
    authorship = Authorship(CommandRunner(await opened(), CODEC, []), players=PLAYERS)
    for code, actor, player, session in (
        ("not_your_session", OTHER, "ann", 1),
        ("session_over", GAME, "ann", 2),
        ("session_over", GAME, "ann", None),
        ("no_session", GAME, "bob", 1),
        ("no_session", GAME, "bob", None),
    ):
        with pytest.raises(Rejected) as refused:
            await authorship.see(deed(player, session), actor)
        assert refused.value.code == code, (actor, player, session)


async def test_who_may_say_so_is_heard() -> None:
    authorship = Authorship(CommandRunner(await opened(), CODEC, []), players=PLAYERS)
    for actor, player, session in (
        (GAME, "ann", 1),
        (GAME, None, None),
        (MIRA, "ann", None),
        (MIRA, "bob", 7),
    ):
        await authorship.see(deed(player, session), actor)
