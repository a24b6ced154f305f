"""Who leads begins with what the log holds, and begins anew after an error that nobody expected."""

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from aicore.embedded import EmbeddedPostgres
from aicore.wiring.parts import Parts
from bus.memory import MemoryLog
from bus.ports import Head, RecordedEvent, StreamWrite
from bus.postgres.migrate import migrate
from domain.kernel.event import Event
from handlers.kernel.follow import MemoryView
from protocol.meta import Meta
from tests.unit.kernel.test_follow import CODEC, BellRung
from tests.unit.kit import START_US, ident, until

pytestmark = pytest.mark.integration


class Asked(MemoryLog):
    """A log that counts who asks for its end."""

    asked = 0

    async def head(self) -> Head:
        self.asked += 1
        return await super().head()


class Bells(MemoryView):
    """Hears bells."""

    name: ClassVar[str] = "bells"
    types: ClassVar[tuple[str, ...]] = (BellRung.event_name,)

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Hear one; its position is all that is kept."""


class Leader:
    """Fails at first."""

    def __init__(self, view: Bells) -> None:
        self.view = view
        self.knew: list[int] = []

    async def lead(self) -> None:
        self.knew.append(self.view.position)
        if len(self.knew) == 1:
            raise KeyError("a version that is not known yet")


async def test_a_leader_knows_what_the_log_holds_and_its_error_ends_nobody_else(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """*Scars:* after a start the director led before it knew the world's versions, failed, and ended all."""
    await migrate(postgres.dsn, realm)
    log = Asked(realm, lambda: START_US)
    system: Any = SimpleNamespace(realm=realm, dsn_of=lambda _: postgres.dsn)
    bells = [CODEC.encode(BellRung(number=n), ident(n), Meta(actor="service:bell")) for n in range(3)]
    await log.append(StreamWrite("bell-tower", bells))
    nothing: Any = None
    parts, view = Parts(nothing, system, log, nothing), Bells(log, decode=CODEC.decode)
    leader = Leader(view)
    async with parts.stack:
        await parts.lead("director", leader, view)
        await until(lambda: log.asked)  # it has the lead
        assert not leader.knew
        await parts.view(view)
        await until(lambda: len(leader.knew) > 1)
        (told,) = [each.standing for each in parts.leaders]
    assert set(leader.knew) == {3}
    assert told.error.startswith("began anew after KeyError")
    assert told.name == "director_leader"
